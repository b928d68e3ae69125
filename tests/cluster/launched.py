"""A launch without Podium's server: applied, read back and stopped as its target says.

What a target says is held against what the API server and the controllers make of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from podium.registry.launch.diagnose import Diagnosis, diagnose
from podium.registry.launch.names import LAUNCH
from podium.registry.launch.render import load_spec, render
from podium.registry.launch.site import Site
from podium.registry.launch.spec import Owner
from podium.registry.launch.state import Delete, Patch, Phase, State
from podium.registry.launch.targets import TARGETS

from .processes import wait_for
from .rest import Object, Rest
from .seen import seen

T = TypeVar("T")

SITE = Site(namespaces=("team-*",), service_accounts=("*",), overlay=("*",))
# In the environment of pods: kwok has them run until they are released.
HELD = {"KWOK_HELD": "until released", "KWOK_SECONDS": "0s"}
_WORKLOAD = "kueue.x-k8s.io/v1beta2"


def release(admin: Rest, namespace: str) -> None:
    """Let the pods end that are :data:`HELD`, those that are there now."""
    for pod in admin.list("v1", "Pod", namespace):
        admin.patch(pod, {"metadata": {"annotations": {"kwok/released": "yes"}}})


class Launched:
    """``data`` is a spec as a person writes it."""

    def __init__(
        self, admin: Rest, namespace: str, data: Mapping[str, Any], *, site: Site = SITE
    ) -> None:
        self.admin, self.namespace = admin, namespace
        owner = Owner(launch_id=uuid.uuid4().hex)
        self.spec = load_spec({**data, "namespace": namespace}, site=site, owner=owner)
        self.target = TARGETS[self.spec.target]
        self.manifests = render(self.spec)
        self.main = self.manifests[-1]

    def apply(self) -> Object:
        """Its objects, as often as one likes; the main one."""
        return [self.admin.apply(each) for each in self.manifests][-1]

    def objects(self) -> list[Object]:
        """What is there of it now, with its pods."""
        here = [
            self.admin.get(
                each["apiVersion"], each["kind"], self.namespace, each["metadata"]["name"]
            )
            for each in self.manifests
        ]
        workloads: Sequence[Object] = ()
        if self.spec.queue:
            workloads = self.admin.list(_WORKLOAD, "Workload", self.namespace)
        return [each for each in here if each] + [*self.pods(), *workloads]

    def pods(self) -> Sequence[Object]:
        labels = f"{LAUNCH}={self.spec.owner.launch_id}"
        return self.admin.list("v1", "Pod", self.namespace, labels=labels)

    def state(self) -> State:
        return self.target.status(self.objects())

    def endpoint(self) -> str | None:
        return self.target.endpoint(self.objects())

    def diagnosis(self) -> Diagnosis | None:
        """With the events of its namespace beside its objects."""
        events = self.admin.list("v1", "Event", self.namespace)
        return diagnose([*self.objects(), *events])

    def is_diagnosed(self, code: str, seconds: float = 90) -> Diagnosis:
        def found() -> Diagnosis | None:
            said = self.diagnosis()
            return said if said and said.code == code else None

        return self._waits(f"the diagnosis {code}", found, seconds)

    def reaches(self, phase: Phase, seconds: float = 90) -> State:
        """The state, when it is of that phase."""

        def there() -> State | None:
            found = self.state()
            return found if found.phase is phase else None

        return self._waits(f"{self.spec.target} is {phase}", there, seconds)

    def _waits(self, what: str, find: Callable[[], T | None], seconds: float) -> T:
        try:
            return wait_for(what, find, seconds)
        except AssertionError as late:
            there = seen(self.admin, self.namespace)
            raise AssertionError(f"{late}, but {self.state()}, {there}") from None

    def say(self, status: Mapping[str, Any], *, kind: str | None = None) -> State:
        """Set the status of the main object, or of those of a kind, as their controller does, and
        read the launch's state."""
        for each in self.objects():
            if each["kind"] == (kind or self.main["kind"]):
                self.admin.set_status(each, status)
        return self.state()

    def stop(self) -> None:
        for action in self.target.stop(self.objects()):
            assert isinstance(action, Delete | Patch)
            found = self.admin.get(
                action.api_version, action.kind, action.namespace or self.namespace, action.name
            )
            assert found, action
            if isinstance(action, Patch):
                self.admin.patch(found, action.body)
            else:
                self.admin.delete(found)

    def operator_makes_pod(self, template: Mapping[str, Any], name: str) -> Object:
        """A pod of the template, owned by the main object, as an operator that is not here would
        make it."""
        main = self.admin.again(self.main)
        owner = {
            "apiVersion": main["apiVersion"],
            "kind": main["kind"],
            "name": main["metadata"]["name"],
            "uid": main["metadata"]["uid"],
            "controller": True,
        }
        meta = {
            **template["metadata"],
            "name": name,
            "namespace": self.namespace,
            "ownerReferences": [owner],
        }
        return self.admin.create(
            {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
        )


def condition(kind: str, status: str = "True", reason: str = "", message: str = "") -> Object:
    """A condition as upstream's controllers write it, all that their schemas ask for."""
    return {
        "type": kind,
        "status": status,
        "reason": reason or kind,
        "message": message,
        "lastTransitionTime": "2026-11-25T00:00:00Z",
    }
