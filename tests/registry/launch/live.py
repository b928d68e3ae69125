"""Objects as a cluster has them: what was rendered, with what controllers say of it."""

from __future__ import annotations

from typing import Any

from podium.registry.launch.state import State
from podium.registry.launch.targets import TARGETS

from .samples import main, minimal
from .schemas import problems

NAMESPACE = "team"
SINCE = "2026-11-24T09:30:00Z"


def condition(
    kind: str, status: str = "True", reason: str = "", message: str = ""
) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": SINCE,
    }


def live(target: str, status: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The main object of the smallest spec, in the cluster. Its status is of its kind's schema."""
    made = main(minimal(target), namespace=NAMESPACE, **changes)
    made["metadata"] |= {"generation": 1, "uid": "5f0c7a52-8f8e-4b57-9c63-2f3f6f0f4f10"}
    made["status"] = status
    assert problems(made) == []
    return made


def state(target: str, *objects: dict[str, Any]) -> State:
    return TARGETS[target].status(objects)


def workload(*conditions: dict[str, Any]) -> dict[str, Any]:
    """Kueue's Workload of a job."""
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {"name": "job-first-try-c1a8f", "namespace": NAMESPACE},
        "spec": {"active": True, "queueName": "team-queue"},
        "status": {"conditions": list(conditions)},
    }
