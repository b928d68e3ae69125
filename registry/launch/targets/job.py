"""A Kubernetes Job, Indexed: nothing to install. Several workers find each other by name."""

from __future__ import annotations

from collections.abc import Iterable

from .. import pod, state
from ..fields import Schema
from ..monitor import pod_monitor
from ..names import INSTANCE, Manifest, metadata, object_name, queued_metadata
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State

SUMMARY = "a Kubernetes Job; several workers get what torch.distributed needs"
PURPOSES = frozenset({Purpose.TRAIN, Purpose.EVALUATE})
TAKES = pod.FIELDS | {"workers", "queue", "deadline", "retries", "monitoring"}
NEEDS = frozenset({"image"})
OPTIONS = Schema
EXAMPLE = {"workers": 2}

# SuccessCriteriaMet and FailureTarget, which come before, only say that its pods are being ended.
_FINAL = {"Complete": Phase.SUCCEEDED, "Failed": Phase.FAILED}
# A pod that was evicted or preempted did not fail, so it does not use up a retry.
_EVICTED = {"type": "DisruptionTarget", "status": "True"}
_INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def faults(_spec: LaunchSpec) -> Iterable[str]:
    return ()


def manifests(spec: LaunchSpec) -> list[Manifest]:
    together = spec.workers > 1
    container = pod.container(
        spec, more_env=_rendezvous(spec) if together else None, ports=pod.ports(spec)
    )
    more: Manifest = {"subdomain": object_name(spec)} if together else {}
    job: Manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": queued_metadata(spec),
        "spec": job_spec(spec, pod.pod_template(spec, container, restartPolicy="Never", **more)),
    }
    return [*([_headless(spec)] if together else []), *pod_monitor(spec), job]


def job_spec(spec: LaunchSpec, template: Manifest) -> Manifest:
    made: Manifest = {
        "completionMode": "Indexed",
        "completions": spec.workers,
        "parallelism": spec.workers,
        "backoffLimit": spec.retries,
        "ttlSecondsAfterFinished": spec.site.keep_finished,
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": [_EVICTED]}]},
        "template": template,
    }
    if spec.deadline:
        made["activeDeadlineSeconds"] = spec.deadline
    if spec.queue:
        made["suspend"] = True  # Kueue starts it
    return made


def status(objects: Objects) -> State:
    job = state.find(objects, "Job")
    if job is None:
        return state.MISSING
    settled = state.decided(job, _FINAL) or state.held(job, objects)
    if settled:
        return settled
    running = state.status_of(job).get("ready") or 0
    return State(Phase.RUNNING) if running else state.waiting(job, objects)


def endpoint(_objects: Objects) -> str | None:
    return None


def stop(objects: Objects) -> list[Action]:
    return state.suspend(objects, "Job", {"spec": {"suspend": True}})


def _rendezvous(spec: LaunchSpec) -> Manifest:
    """What torch.distributed reads from the environment (init_method="env://")."""
    name = object_name(spec)
    return {
        "MASTER_ADDR": f"{name}-0.{name}",
        "MASTER_PORT": str(pod.RENDEZVOUS),
        "WORLD_SIZE": str(spec.workers),
        "RANK": {"fieldRef": {"fieldPath": _INDEX}},
    }


def _headless(spec: LaunchSpec) -> Manifest:
    """The names of the pods; also before they are ready, since they wait for each other."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(spec),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {INSTANCE: object_name(spec)},
            "ports": [{"name": "rendezvous", "port": pod.RENDEZVOUS}],
        },
    }
