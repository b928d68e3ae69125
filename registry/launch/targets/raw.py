"""Objects of any kind, from an administrator's template with typed variables.

A template may say ``${variable}``, and of the launch ``${podium.name}``, ``${podium.image}`` and
the others of :func:`_ours`; ``template: ${podium.pod}`` is the whole pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import pod, state
from ..fields import Plain, Schema, Table, Text
from ..names import Manifest, metadata, object_name, owner_labels
from ..site import Template, Variable
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State
from ..template import faults as template_faults
from ..template import filled, places


class Options(Schema):
    template = Text(limit=63, required=True, about="A template of the site, or cronjob.")
    variables = Table(Text(limit=63), Plain(), about="Its variables.")


SUMMARY = "any objects, from an administrator's template with typed variables"
PURPOSES = frozenset(Purpose)
TAKES = pod.FIELDS | {"workers", "deadline", "retries", "scaling", "serving", "options"}
NEEDS: frozenset[str] = frozenset()
OPTIONS = Options
EXAMPLE = {
    "run_id": None,
    "workers": None,
    "scaling": None,
    "serving": None,
    "options": {"template": "cronjob", "variables": {"schedule": "0 3 * * *"}},
}

# There without an administrator, and an example to one.
_BUILT_IN = {
    "cronjob": Template(
        variables={"schedule": Variable(about="When, as cron has it.")},
        manifests=(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "spec": {
                    "schedule": "${schedule}",
                    "concurrencyPolicy": "Forbid",
                    "jobTemplate": {
                        "spec": {
                            "backoffLimit": "${podium.retries}",
                            "activeDeadlineSeconds": "${podium.deadline}",
                            "template": "${podium.pod}",
                        }
                    },
                },
            },
        ),
    )
}
# The worst of an object's conditions comes first.
_CONDITIONS = {
    "Failed": Phase.FAILED,
    "Stalled": Phase.FAILED,
    "Succeeded": Phase.SUCCEEDED,
    "Complete": Phase.SUCCEEDED,
    "Ready": Phase.READY,
    "Available": Phase.READY,
    "Running": Phase.RUNNING,
}
_PHASES = {
    "Failed": Phase.FAILED,
    "Error": Phase.FAILED,
    "Succeeded": Phase.SUCCEEDED,
    "Running": Phase.RUNNING,
}
# Controllers make them for what is launched, under the same labels.
_NOT_OURS = ("Pod", "Event", "Workload")


def faults(spec: LaunchSpec) -> Iterator[str]:
    templates = {**_BUILT_IN, **spec.site.templates}
    name = spec.options["template"]
    template = templates.get(name)
    if template is None:
        yield f"options.template: {name!r} is none; there are {', '.join(templates)}"
        return
    yield from template_faults(template, spec.options.get("variables", {}))
    known = {*template.variables, *_ours(spec)}
    used = places(template.manifests)
    for place in sorted(used - known):
        yield (
            f"options.template: {name} has the place ${{{place}}}, which is no variable of it; "
            f"an administrator adds it, or writes one of {', '.join(sorted(known))}"
        )
    for number, each in enumerate(template.manifests):
        if not each.get("apiVersion") or not each.get("kind"):
            yield f"options.template: manifests[{number}] of {name} lacks apiVersion or kind"
        elif each["kind"] in _NOT_OURS:
            yield (
                f"options.template: manifests[{number}] of {name} is a {each['kind']}, which "
                "others make for a launch; an administrator writes a Job or a Deployment instead"
            )
    if not spec.image and "podium.pod" in used:
        yield f"image: is missing; the template {name} runs one"


def manifests(spec: LaunchSpec) -> list[Manifest]:
    template = {**_BUILT_IN, **spec.site.templates}[spec.options["template"]]
    given = spec.options.get("variables", {})
    values = {name: given.get(name, each.default) for name, each in template.variables.items()}
    made = [filled(each, values | _ours(spec)) for each in template.manifests]
    return [_owned(spec, each, number) for number, each in enumerate(made)]


def status(objects: Objects) -> State:
    """Of all of them the worst, each by what most kinds have: conditions, or a phase."""
    found = [_one(each) for each in objects if each.get("kind") not in _NOT_OURS]
    order = [*dict.fromkeys([Phase.FAILED, Phase.STOPPED, Phase.PENDING, *Phase])]
    return min(found, key=lambda each: order.index(each.phase), default=state.MISSING)


def endpoint(objects: Objects) -> str | None:
    service = state.find(objects, "Service")
    if service is None:
        return None
    return state.service_url(service, port=service["spec"]["ports"][0]["port"])


def stop(objects: Objects) -> list[Action]:
    kinds = [each["kind"] for each in objects if each.get("kind") not in _NOT_OURS]
    return state.delete(objects, *dict.fromkeys(kinds))


def _one(found: Mapping[str, Any]) -> State:
    if state.outdated(found):
        return State(Phase.PENDING)
    settled = state.decided(found, _CONDITIONS) or state.held(found, ())
    if settled:
        return settled
    seen = state.status_of(found)
    if seen.get("phase") in _PHASES:
        return State(_PHASES[seen["phase"]], "", seen.get("message") or "")
    # A kind without any, such as a Service or a CronJob, is there and that is all of it.
    return State(Phase.PENDING if seen.get("conditions") else Phase.READY)


def _ours(spec: LaunchSpec) -> dict[str, Any]:
    said = {
        "name": object_name(spec),
        "namespace": spec.namespace,
        "labels": owner_labels(spec),
        "image": spec.image,
        "command": list(spec.command) or None,
        "args": list(spec.args) or None,
        "env": pod.env(spec),
        "model_uri": spec.storage,
        "run_id": spec.run_id,
        "workers": spec.workers,
        "retries": spec.retries,
        "deadline": spec.deadline,
        "replicas": spec.scaling.min,
        "port": spec.serving.port,
        "service_account": spec.service_account,
        "resources": pod.resources(spec),
        "pod": _pod(spec),
    }
    return {f"podium.{name}": value for name, value in said.items()}


def _pod(spec: LaunchSpec) -> Manifest:
    serves = spec.purpose is Purpose.SERVE
    restart = {} if serves else {"restartPolicy": "Never"}
    container = pod.container(
        spec,
        run=not serves,
        ports=pod.ports(spec, http=spec.serving.port) if serves else None,
    )
    return pod.pod_template(spec, container, asked=None, **restart)


def _owned(spec: LaunchSpec, manifest: Manifest, number: int) -> Manifest:
    """With our name and labels. Of several, all but the first have the template's name behind."""
    said = manifest.get("metadata") or {}
    name = object_name(spec)
    if number:
        name = f"{name}-{said.get('name') or number}"
    ours = metadata(spec, name=name, labels=said.get("labels"))
    ours["annotations"] = {**(said.get("annotations") or {}), **ours.get("annotations", {})}
    if not ours["annotations"]:
        del ours["annotations"]
    head = {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": ours}
    return head | {name: value for name, value in manifest.items() if name not in head}
