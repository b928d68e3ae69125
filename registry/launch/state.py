"""How a launch stands, as a target reads it from the objects of the cluster, and what ends it.

``objects`` are dicts as the API server sends them: the launched ones and, where there are some, the
Kueue Workload and the pods. A target finds its own by kind; an empty list means nothing is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Objects = Sequence[Mapping[str, Any]]


class Phase(StrEnum):
    MISSING = "MISSING"
    """The object is not there: not created yet, or deleted by somebody."""
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    READY = "READY"
    """It serves."""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"

    @property
    def final(self) -> bool:
        """A job does not leave this phase. A service may: FAILED is how it stands now."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.STOPPED)


@dataclass(frozen=True, slots=True)
class State:
    phase: Phase
    reason: str = ""
    """One word, as Kubernetes has it: BackoffLimitExceeded."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an object; its pods go with it."""

    kind: str
    name: str
    api_version: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Apply a merge patch to an object."""

    kind: str
    name: str
    api_version: str
    namespace: str | None = None
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """A call of a REST API that is not Kubernetes'."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None


Action = Delete | Patch | Request


def find(objects: Objects, kind: str) -> Mapping[str, Any] | None:
    return next(of_kind(objects, kind), None)


def of_kind(objects: Objects, kind: str) -> Iterator[Mapping[str, Any]]:
    return (each for each in objects if each.get("kind") == kind)


def status_of(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return found.get("status") or {}


def condition(found: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of that type; empty where it is not (yet) there, which says nothing."""
    for each in status_of(found).get("conditions") or ():
        if each.get("type") == kind:
            return dict(each)
    return {}


def holds(found: Mapping[str, Any], kind: str) -> bool:
    return condition(found, kind).get("status") == "True"


def said(phase: Phase, by: Mapping[str, Any]) -> State:
    """The phase with a condition's reason and message."""
    return State(phase, by.get("reason") or "", by.get("message") or "")


MISSING = State(Phase.MISSING)
QUEUED = "Queued"
"""The reason of what waits for Kueue, of which Kueue has said nothing yet."""


def decided(found: Mapping[str, Any], phases: Mapping[str, Phase]) -> State | None:
    """By the first of these conditions that holds."""
    for kind, phase in phases.items():
        if holds(found, kind):
            return said(phase, condition(found, kind))
    return None


def held(found: Mapping[str, Any], objects: Objects) -> State | None:
    """Of a suspended job: in a queue it waits, without one somebody has stopped it."""
    if not suspended(found):
        return None
    if queued(found):
        return waiting(found, objects)
    return said(Phase.STOPPED, condition(found, "Suspended"))


def outdated(found: Mapping[str, Any]) -> bool:
    """Whether its status is of the spec before this one."""
    seen = status_of(found).get("observedGeneration")  # which not every controller says
    return seen is not None and bool(seen < (found["metadata"].get("generation") or 0))


def waiting(found: Mapping[str, Any], objects: Objects) -> State:
    """Pending, with what Kueue says where the object is in a queue."""
    for workload in of_kind(objects, "Workload"):
        for kind in ("QuotaReserved", "Admitted", "Evicted"):
            said_by = condition(workload, kind)
            if said_by and (said_by.get("status") == "True") == (kind == "Evicted"):
                return said(Phase.PENDING, said_by)
    if suspended(found) and queued(found):
        return State(Phase.PENDING, QUEUED, "Kueue has not admitted it yet.")
    return State(Phase.PENDING)


def queued(found: Mapping[str, Any]) -> bool:
    labels = (found.get("metadata") or {}).get("labels") or {}
    return "kueue.x-k8s.io/queue-name" in labels


def suspended(found: Mapping[str, Any]) -> bool:
    spec = found.get("spec") or {}
    return bool(spec.get("suspend") or (spec.get("runPolicy") or {}).get("suspend"))


def delete(objects: Objects, *kinds: str) -> list[Action]:
    """Delete those of the objects that are of the kinds, in that order."""
    return [
        Delete(kind, **_reference(each))
        for kind in kinds
        for each in of_kind(objects, kind)
        if not (each.get("metadata") or {}).get("deletionTimestamp")
    ]


def patch(objects: Objects, kind: str, body: Mapping[str, Any]) -> list[Action]:
    return [Patch(kind, **_reference(each), body=body) for each in of_kind(objects, kind)]


def suspend(objects: Objects, kind: str, body: Mapping[str, Any]) -> list[Action]:
    """Suspend a job, which ends its pods and keeps the record. One in a queue is Kueue's to start,
    so there the Workload is what is turned off."""
    found = find(objects, kind)
    if found is None:
        return []
    if not queued(found):
        return patch([found], kind, body)
    off = patch(objects, "Workload", {"spec": {"active": False}})
    return off or delete([found], kind)


def service_url(found: Mapping[str, Any], *, suffix: str = "", port: int | None = None) -> str:
    """The address of a Service beside the object, in the cluster."""
    meta = found["metadata"]
    host = f"{meta['name']}{suffix}.{meta.get('namespace') or 'default'}.svc"
    return f"http://{host}:{port}" if port else f"http://{host}"


def _reference(found: Mapping[str, Any]) -> dict[str, Any]:
    meta = found["metadata"]
    return {
        "name": meta["name"],
        "api_version": found["apiVersion"],
        "namespace": meta.get("namespace"),
    }
