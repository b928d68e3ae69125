"""KubeRay: a RayJob with a cluster of its own, which goes when the job ends."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from .. import pod, ray, state
from ..monitor import pod_monitor
from ..names import Manifest, queued_metadata
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State

SUMMARY = "KubeRay: a RayJob with a Ray cluster of its own"
PURPOSES = frozenset({Purpose.TRAIN, Purpose.EVALUATE, Purpose.SWEEP})
TAKES = pod.FIELDS | {"workers", "queue", "deadline", "retries", "monitoring", "options"}
NEEDS = frozenset({"image", "command"})
OPTIONS = ray.Options
EXAMPLE = {
    "workers": 2,
    "command": ["python", "train.py"],
    "options": {"ray_version": "2.52.0", "head_cpu": "2", "head_memory": "4Gi"},
}


def faults(_spec: LaunchSpec) -> Iterable[str]:
    return ()


def manifests(spec: LaunchSpec) -> list[Manifest]:
    made: Manifest = {
        "entrypoint": shlex.join([*spec.command, *spec.args]),
        "submissionMode": "K8sJobMode",
        "submitterPodTemplate": ray.submitter(spec),
        "backoffLimit": spec.retries,
        # By default the cluster, and its GPUs, would outlive the job.
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": ray.LINGER_SECONDS,
        "rayClusterSpec": ray.cluster(spec),
    }
    if spec.deadline:
        made["activeDeadlineSeconds"] = spec.deadline
    if spec.queue:
        made["suspend"] = True
    job = {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": queued_metadata(spec),
        "spec": made,
    }
    return [*pod_monitor(spec), job]


def status(objects: Objects) -> State:
    found = state.find(objects, "RayJob")
    if found is None:
        return state.MISSING
    seen = state.status_of(found)
    deployment, job = seen.get("jobDeploymentStatus") or "", seen.get("jobStatus") or ""
    reason, message = seen.get("reason") or deployment, seen.get("message") or ""
    # jobStatus alone may say SUCCEEDED before the operator has taken note of it.
    if deployment == "Complete":
        phase = {"SUCCEEDED": Phase.SUCCEEDED, "STOPPED": Phase.STOPPED}.get(job, Phase.FAILED)
        return State(phase, reason if phase is not Phase.SUCCEEDED else "", message)
    if deployment in ("Failed", "ValidationFailed"):
        return State(Phase.FAILED, reason, message)
    held = state.held(found, objects)
    if held:
        return held
    if deployment == "Running" and job == "RUNNING":
        return State(Phase.RUNNING)
    waiting = state.waiting(found, objects)
    return waiting if waiting.reason else State(Phase.PENDING, deployment, message)


def endpoint(objects: Objects) -> str | None:
    """Ray's dashboard."""
    found = state.find(objects, "RayJob")
    url = state.status_of(found).get("dashboardURL") if found else None
    return f"http://{url}" if url else None


def stop(objects: Objects) -> list[Action]:
    return state.suspend(objects, "RayJob", {"spec": {"suspend": True}})
