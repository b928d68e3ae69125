"""Kubeflow Trainer v2: a TrainJob over a ClusterTrainingRuntime that the administrator keeps.

The runtime makes the pods, so what is ours of them (security, volumes, node selection, labels)
goes in as a patch of its replicated job, and its container takes variables but no whole Secrets.
"""

from __future__ import annotations

from collections.abc import Iterator

from .. import pod, state
from ..fields import Choice, Schema, name_of
from ..names import MANAGER, Manifest, owner_labels, queued_metadata
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State


class Options(Schema):
    runtime = name_of("a training runtime", load_default="torch-distributed", about="The runtime.")
    runtime_kind = Choice(
        ("ClusterTrainingRuntime", "TrainingRuntime"),
        load_default="ClusterTrainingRuntime",
        about="TrainingRuntime for one of the namespace.",
    )
    step = name_of(
        "a replicated job", load_default="node", about="The runtime's replicated job that trains."
    )


SUMMARY = "Kubeflow Trainer v2: a TrainJob over a training runtime"
PURPOSES = frozenset({Purpose.TRAIN, Purpose.EVALUATE})
TAKES = pod.FIELDS | {"workers", "queue", "deadline", "options"}
NEEDS = frozenset({"image"})
OPTIONS = Options
EXAMPLE = {
    "workers": 2,
    "command": ["torchrun", "train.py"],
    "secrets": [{"name": "s3-creds", "keys": ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]}],
    "options": {"runtime": "torch-distributed", "runtime_kind": "ClusterTrainingRuntime"},
}


_FINAL = {"Complete": Phase.SUCCEEDED, "Failed": Phase.FAILED}


def faults(spec: LaunchSpec) -> Iterator[str]:
    for number, secret in enumerate(spec.secrets):
        if secret.keys:
            continue
        if secret in spec.site.secrets:
            yield (
                f"secrets: a TrainJob takes single keys; an administrator lists those of "
                f"{secret.name} in the site's secrets"
            )
        else:
            yield (
                f"secrets[{number}].keys: is missing; a TrainJob takes single keys, write "
                f"{{name: {secret.name}, keys: [AWS_ACCESS_KEY_ID, …]}}"
            )
    for name in spec.env:
        if name.startswith("PET_"):
            yield f"env.{name}: is set by the runtime, for torchrun; use workers and resources.gpu"
    if spec.priority and not spec.queue:
        yield "priority: needs a queue on the target trainjob; else its runtime has the priority"


def manifests(spec: LaunchSpec) -> list[Manifest]:
    options = spec.options
    made: Manifest = {
        "runtimeRef": {
            "apiGroup": "trainer.kubeflow.org",
            "kind": options["runtime_kind"],
            "name": options["runtime"],
        },
        "trainer": _trainer(spec),
        "runtimePatches": [_patch(spec)],
    }
    if spec.deadline:
        made["activeDeadlineSeconds"] = spec.deadline
    if spec.queue:
        made["suspend"] = True
    return [
        {
            "apiVersion": "trainer.kubeflow.org/v1alpha1",
            "kind": "TrainJob",
            "metadata": queued_metadata(spec),
            "spec": made,
        }
    ]


def status(objects: Objects) -> State:
    found = state.find(objects, "TrainJob")
    if found is None:
        return state.MISSING
    settled = state.decided(found, _FINAL) or state.held(found, objects)
    if settled:
        return settled
    jobs = state.status_of(found).get("jobsStatus") or ()
    if any((job.get("ready") or 0) > 0 for job in jobs):
        return State(Phase.RUNNING)
    return state.waiting(found, objects)


def endpoint(_objects: Objects) -> str | None:
    return None


def stop(objects: Objects) -> list[Action]:
    return state.suspend(objects, "TrainJob", {"spec": {"suspend": True}})


def _trainer(spec: LaunchSpec) -> Manifest:
    made: Manifest = {
        "numNodes": spec.workers,
        "image": spec.image,
        "command": list(spec.command),
        "args": list(spec.args),
        "env": pod.env(spec),
        "resourcesPerNode": pod.resources(spec),
    }
    if spec.resources.gpu:
        made["numProcPerNode"] = spec.resources.gpu.count
    return {name: value for name, value in made.items() if value != []}


def _patch(spec: LaunchSpec) -> Manifest:
    placed = {
        name: value
        for name, value in pod.placement(spec).items()
        if name in ("serviceAccountName", "nodeSelector", "tolerations")
    }
    container = {
        "name": "node",
        "securityContext": pod.container_security(),
        "volumeMounts": pod.volume_mounts(),
    }
    pods = {
        "metadata": {"labels": owner_labels(spec)},
        "spec": {
            "securityContext": pod.pod_security(spec),
            **placed,
            "containers": [container],
            "volumes": pod.volumes(),
        },
    }
    step = {"name": spec.options["step"], "template": {"spec": {"template": pods}}}
    return {
        "manager": f"{MANAGER}/launch",
        "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": [step]}}},
    }
