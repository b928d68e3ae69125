"""What there is in a namespace and what is said of it, for who waits there in vain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .rest import Object, Rest

# Enough to see who has not done his part: a controller, the scheduler, a kubelet.
_KINDS = (
    ("batch/v1", "Job"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("v1", "Pod"),
    ("v1", "PersistentVolumeClaim"),
)


def seen(admin: Rest, namespace: str) -> str:
    """A line for each object with its conditions, and one for each event."""
    lines = [
        f"{kind} {each['metadata']['name']}: {'; '.join(_said(each)) or 'no status'}"
        for version, kind in _KINDS
        for each in admin.list(version, kind, namespace)
    ]
    lines += [
        f"Event {each.get('lastTimestamp') or each.get('eventTime')} {each['reason']} of "
        f"{each['involvedObject'].get('kind')} {each['involvedObject'].get('name')}: "
        f"{each.get('message')}"
        for each in admin.list("v1", "Event", namespace)
    ]
    return "\n  ".join([f"in {namespace}:", *(lines or ["nothing"])])


def _said(found: Object) -> Iterator[str]:
    if "nodeName" in found["spec"]:
        yield f"on {found['spec']['nodeName']}"
    status = found.get("status", {})
    if "phase" in status:
        yield status["phase"]
    yield from (_condition(each) for each in status.get("conditions", ()))
    for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        yield f"container {each['name']}: {each['state']}"


def _condition(said: Mapping[str, Any]) -> str:
    why = " ".join(filter(None, [said.get("reason"), said.get("message")]))
    return f"{said['type']}={said['status']}" + (f" ({why})" if why else "")
