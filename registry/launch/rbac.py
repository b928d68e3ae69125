"""The rights that launching asks of a cluster: a Role for each namespace, and not one verb more.

A Role, since a launch reaches no further than the namespaces the site allows. No Secrets (launches
name them, nobody reads them), no ``pods/exec``, no nodes. :data:`OBJECTS` says what each target
needs, so who launches Jobs alone gives no rights over Ray. Templates of the target ``raw`` may name
any kind; an administrator who writes one adds its rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .names import MANAGER, Manifest

API = "rbac.authorization.k8s.io/v1"

# An apply of what is not there yet is a patch that creates.
_APPLIED = ("create", "delete", "get", "patch")
# Of objects that say how a launch stands: lists are the truth, a watch wakes.
_LOOKED_AT = ("create", "delete", "get", "list", "patch", "watch")

_JOBS = ("batch", "jobs")
_SERVICES = ("", "services")
_AUTOSCALERS = ("autoscaling", "horizontalpodautoscalers")
_POD_MONITORS = ("monitoring.coreos.com", "podmonitors")
_SERVICE_MONITORS = ("monitoring.coreos.com", "servicemonitors")

_SILENT = (_AUTOSCALERS, _POD_MONITORS, _SERVICE_MONITORS)

# Target → the group and the resource of the objects it makes. KFP is spoken to over its own API.
OBJECTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "job": (_JOBS, _SERVICES, _POD_MONITORS),
    "deployment": (
        ("apps", "deployments"),
        _SERVICES,
        _AUTOSCALERS,
        _SERVICE_MONITORS,
    ),
    "trainjob": (("trainer.kubeflow.org", "trainjobs"),),
    "pytorchjob": (("kubeflow.org", "pytorchjobs"), _POD_MONITORS),
    "rayjob": (("ray.io", "rayjobs"), _POD_MONITORS),
    "rayservice": (("ray.io", "rayservices"), _POD_MONITORS),
    "argo": (("argoproj.io", "workflows"),),
    "kfp": (),
    "katib": (("kubeflow.org", "experiments"),),
    "kserve": (("serving.kserve.io", "inferenceservices"),),
    "seldon": (("machinelearning.seldon.io", "seldondeployments"),),
    "seldon2": (("mlops.seldon.io", "models"), ("mlops.seldon.io", "experiments")),
    "raw": (("batch", "cronjobs"),),
}
# Whatever is launched: what its pods do, why they do not start, and their turn in a queue of Kueue.
WATCHED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "pods"): ("list", "watch"),
    ("", "pods/log"): ("get",),
    ("", "events"): ("list",),
    ("kueue.x-k8s.io", "workloads"): ("list", "patch", "watch"),
}


def verbs(targets: Iterable[str] = OBJECTS) -> dict[tuple[str, str], tuple[str, ...]]:
    """The verbs on each resource, by API group and name, that launching to ``targets`` needs."""
    made = {each: launched(each) for target in targets for each in OBJECTS[target]}
    return {**WATCHED, **made} if made else {}


def launched(resource: tuple[str, str]) -> tuple[str, ...]:
    """The verbs on a resource of :data:`OBJECTS`."""
    return _APPLIED if resource in _SILENT else _LOOKED_AT


def rules(targets: Iterable[str] = OBJECTS) -> list[Manifest]:
    """Of a Role, one for each API group and set of verbs."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, resource), said in verbs(targets).items():
        grouped.setdefault((group, said), []).append(resource)
    return [
        {"apiGroups": [group], "resources": sorted(resources), "verbs": list(said)}
        for (group, said), resources in sorted(grouped.items())
    ]


def manifests(
    namespace: str, account: str, *, targets: Iterable[str] = OBJECTS, of: str | None = None
) -> list[Manifest]:
    """A Role in ``namespace`` and its binding to the service account that launches.

    ``of`` is the namespace of the account, if another.
    """
    meta = {"name": f"{MANAGER}-launch", "namespace": namespace}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": of or namespace}
    role = {"apiGroup": API.partition("/")[0], "kind": "Role", "name": meta["name"]}
    return [
        {"apiVersion": API, "kind": "Role", "metadata": meta, "rules": rules(targets)},
        {
            "apiVersion": API,
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": role,
            "subjects": [subject],
        },
    ]
