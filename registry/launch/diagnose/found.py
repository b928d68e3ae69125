"""A diagnosis, and what the rules look for it in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..state import Objects, of_kind, status_of


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``code`` is one word for a table or a filter; ``said`` is what the cluster said itself."""

    code: str
    sentence: str
    fix: str
    said: str = ""


_TOLD_TO_END = (137, 143)  # SIGKILL and SIGTERM, which a pod gets that is deleted


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod with its status; ``first`` says that it is an init container, ``going``
    that the pod is being taken away."""

    pod: str
    name: str
    first: bool
    seen: Mapping[str, Any]
    memory: str
    going: bool = False

    @property
    def waiting(self) -> Mapping[str, Any]:
        return (self.seen.get("state") or {}).get("waiting") or {}

    @property
    def ended(self) -> Mapping[str, Any]:
        """How it ended, or how it did before it was started again."""
        for name in ("state", "lastState"):
            found = (self.seen.get(name) or {}).get("terminated") or {}
            told = self.going and name == "state" and found.get("exitCode") in _TOLD_TO_END
            if found and (not told or found.get("reason") == "OOMKilled"):
                return dict(found)
        return {}


def containers(objects: Objects) -> Iterator[Container]:
    for pod in of_kind(objects, "Pod"):
        said = (pod.get("spec") or {}).get("containers") or ()
        limits = {
            each.get("name"): ((each.get("resources") or {}).get("limits") or {}).get("memory")
            for each in said
        }
        for field, first in (("initContainerStatuses", True), ("containerStatuses", False)):
            for seen in status_of(pod).get(field) or ():
                name = seen.get("name") or ""
                going = "deletionTimestamp" in (pod.get("metadata") or {})
                yield Container(name_of(pod), name, first, seen, limits.get(name) or "", going)


def complaints(objects: Objects, *reasons: str) -> Iterator[str]:
    """What warnings, the newest first, and conditions say that have one of the reasons."""
    events = [
        each
        for each in of_kind(objects, "Event")
        if each.get("type") == "Warning" and each.get("reason") in reasons
    ]
    for event in sorted(events, key=_when, reverse=True):
        yield event.get("message") or event.get("note") or ""
    for each in objects:
        for found in status_of(each).get("conditions") or ():
            if found.get("reason") in reasons:
                yield found.get("message") or ""


def _when(event: Mapping[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def name_of(found: Mapping[str, Any]) -> str:
    return str((found.get("metadata") or {}).get("name") or "")
