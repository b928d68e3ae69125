"""Kubeflow's training-operator v1: a PyTorchJob, one master and the workers beside it."""

from __future__ import annotations

from collections.abc import Iterable

from .. import pod, state
from ..fields import Schema
from ..monitor import pod_monitor
from ..names import Manifest, queued_metadata
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State

SUMMARY = "Kubeflow training-operator v1: a PyTorchJob"
PURPOSES = frozenset({Purpose.TRAIN, Purpose.EVALUATE})
TAKES = pod.FIELDS | {"workers", "queue", "deadline", "retries", "monitoring"}
NEEDS = frozenset({"image"})
OPTIONS = Schema
EXAMPLE = {"workers": 3, "command": ["torchrun", "train.py"]}

_FINAL = {"Succeeded": Phase.SUCCEEDED, "Failed": Phase.FAILED}


def faults(_spec: LaunchSpec) -> Iterable[str]:
    return ()


def manifests(spec: LaunchSpec) -> list[Manifest]:
    replicas = {"Master": _replicas(spec, 1)}
    if spec.workers > 1:
        replicas["Worker"] = _replicas(spec, spec.workers - 1)
    made: Manifest = {"runPolicy": _policy(spec), "pytorchReplicaSpecs": replicas}
    if spec.resources.gpu and spec.resources.gpu.count > 1:
        made["nprocPerNode"] = str(spec.resources.gpu.count)
    job = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": queued_metadata(spec),
        "spec": made,
    }
    return [*pod_monitor(spec), job]


def status(objects: Objects) -> State:
    found = state.find(objects, "PyTorchJob")
    if found is None:
        return state.MISSING
    settled = state.decided(found, _FINAL) or state.held(found, objects)
    return (
        settled
        or state.decided(found, {"Restarting": Phase.RUNNING, "Running": Phase.RUNNING})
        or state.waiting(found, objects)
    )


def endpoint(_objects: Objects) -> str | None:
    return None


def stop(objects: Objects) -> list[Action]:
    return state.suspend(objects, "PyTorchJob", {"spec": {"runPolicy": {"suspend": True}}})


def _policy(spec: LaunchSpec) -> Manifest:
    policy: Manifest = {
        # The operator ends what runs as its restarts reach this number, not when they pass it.
        "backoffLimit": spec.retries and spec.retries + 1,
        "cleanPodPolicy": "Running",  # what has ended keeps its logs
        "ttlSecondsAfterFinished": spec.site.keep_finished,
    }
    if spec.deadline:
        policy["activeDeadlineSeconds"] = spec.deadline
    if spec.queue:
        policy["suspend"] = True
    return policy


def _replicas(spec: LaunchSpec, number: int) -> Manifest:
    # The operator knows its container by this name only.
    container = pod.container(spec, "pytorch", ports=pod.ports(spec))
    return {
        "replicas": number,
        "restartPolicy": "OnFailure" if spec.retries else "Never",
        "template": pod.pod_template(spec, container),
    }
