"""Argo Workflows: a Workflow of a WorkflowTemplate with its parameters, or of one step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import pod, state
from ..fields import Loose, Schema, Table, Text, name_of
from ..names import Manifest, metadata, owner_labels
from ..site import Resources
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State


class Options(Schema):
    template = name_of("a WorkflowTemplate", about="A WorkflowTemplate; without one, image is run.")
    entrypoint = Text(limit=128, about="Which of its templates begins; by default its own.")
    parameters = Table(
        Text(limit=250), Loose(), about="Its parameters; model_uri and run_id are given too."
    )


SUMMARY = "Argo Workflows: a Workflow of a WorkflowTemplate, or of one step"
PURPOSES = frozenset({Purpose.TRAIN, Purpose.EVALUATE})
TAKES = pod.FIELDS | {"deadline", "retries", "options"}
NEEDS: frozenset[str] = frozenset()
OPTIONS = Options
EXAMPLE: Mapping[str, Any] = {
    "image": None,
    "command": [],
    "args": [],
    "env": {},
    "secrets": [],
    "tracking": None,
    "resources": None,
    "retries": None,
    "service_account": "argo-workflow",
    "options": {
        "template": "train-template",
        "entrypoint": "train",
        "parameters": {"epochs": "3"},
    },
}

_OF_THE_STEP = ("image", "command", "args", "env", "secrets", "tracking", "resources", "retries")
_STEP = "main"
_PHASES = {
    "Running": Phase.RUNNING,
    "Succeeded": Phase.SUCCEEDED,
    "Failed": Phase.FAILED,
    "Error": Phase.FAILED,
}


def faults(spec: LaunchSpec) -> Iterator[str]:
    if not spec.options.get("template"):
        if not spec.image:
            yield "image: is missing; give an image, or a WorkflowTemplate in options.template"
        if spec.options.get("entrypoint"):
            yield "options.entrypoint: is of a WorkflowTemplate; name that in options.template"
        return
    theirs = {
        "secrets": spec.site.secrets,
        "tracking": spec.site.tracking,
        "resources": Resources(),
    }
    for name in _OF_THE_STEP:
        said = getattr(spec, name)
        if said and said != theirs.get(name):
            yield (
                f"{name}: is the WorkflowTemplate's to say; leave it out, "
                "or leave out options.template"
            )


def manifests(spec: LaunchSpec) -> list[Manifest]:
    return [
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": metadata(spec),
            "spec": {
                **(_of_template(spec) if spec.options.get("template") else _of_step(spec)),
                **_common(spec),
            },
        }
    ]


def status(objects: Objects) -> State:
    found = state.find(objects, "Workflow")
    if found is None:
        return state.MISSING
    seen = state.status_of(found)
    phase = _PHASES.get(seen.get("phase") or "", Phase.PENDING)
    shutdown = (found.get("spec") or {}).get("shutdown")
    if phase is Phase.FAILED and shutdown:
        return State(Phase.STOPPED, shutdown, seen.get("message") or "")
    reason = seen["phase"] if phase is Phase.FAILED else ""
    return State(phase, reason, seen.get("message") or "")


def endpoint(_objects: Objects) -> str | None:
    return None


def stop(objects: Objects) -> list[Action]:
    """Its exit handlers still run."""
    return state.patch(objects, "Workflow", {"spec": {"shutdown": "Stop"}})


def _common(spec: LaunchSpec) -> Manifest:
    given = {"model_uri": spec.storage, "run_id": spec.run_id, **spec.options.get("parameters", {})}
    said = sorted((name, value) for name, value in given.items() if value is not None)
    parameters = [{"name": name, "value": value} for name, value in said]
    placed = pod.placement(spec)
    made = {
        "arguments": {"parameters": parameters} if parameters else None,
        "podMetadata": {"labels": owner_labels(spec)},
        "securityContext": pod.pod_security(spec),
        "serviceAccountName": spec.service_account,
        "podPriorityClassName": placed.get("priorityClassName"),
        "nodeSelector": placed.get("nodeSelector"),
        "tolerations": placed.get("tolerations"),
        "activeDeadlineSeconds": spec.deadline,
        "ttlStrategy": {"secondsAfterCompletion": spec.site.keep_finished},
    }
    return {name: value for name, value in made.items() if value}


def _of_template(spec: LaunchSpec) -> Manifest:
    made: Manifest = {"workflowTemplateRef": {"name": spec.options["template"]}}
    if spec.options.get("entrypoint"):
        made["entrypoint"] = spec.options["entrypoint"]
    return made


def _of_step(spec: LaunchSpec) -> Manifest:
    """Argo's own containers bring results back, so its pods keep the service account's token."""
    step: Manifest = {"name": _STEP, "container": _container(spec)}
    if spec.retries:
        step["retryStrategy"] = {"limit": str(spec.retries), "retryPolicy": "Always"}
    return {"entrypoint": _STEP, "templates": [step], "volumes": pod.volumes()}


def _container(spec: LaunchSpec) -> Manifest:
    container = pod.container(spec)
    del container["name"]  # Argo calls it main
    return container
