"""What pods have used in a stretch of time: GPU-seconds, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..launch.state import status_of

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Usage:
    gpu_seconds: float = 0.0
    cost: float = 0.0


NOTHING = Usage()


def used(
    pods: Iterable[Mapping[str, Any]], rates: Mapping[str, float], since: int, until: int
) -> Usage:
    """Between two times, in ms: each pod from its first container's start to its last one's end.

    So nothing is counted twice, and what ran while nobody looked is counted as long as the pod is
    still there to be seen.
    """
    gpu_seconds = cost = 0.0
    for pod in pods:
        seconds = _overlap(pod, since, until)
        if seconds <= 0:
            continue
        gpus, cores = _asked(pod)
        gpu_seconds += gpus * seconds
        hourly = gpus * rates.get("gpu", 0.0) + cores * rates.get("cpu", 0.0)
        cost += rates.get("pod", hourly) * seconds / _HOUR
    return Usage(gpu_seconds, cost)


def _overlap(pod: Mapping[str, Any], since: int, until: int) -> float:
    begun: list[int] = []
    over: list[int] = []
    runs = False
    for state in _states(pod):
        running, ended = state.get("running"), state.get("terminated")
        runs = runs or running is not None
        begun += _times((running or ended or {}).get("startedAt"))
        over += _times((ended or {}).get("finishedAt"))
    if not begun or (not runs and not over):
        return 0.0
    end = until if runs else max(over)
    return (min(end, until) - max(min(begun), since)) / 1000


def _states(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for each in status_of(pod).get("containerStatuses") or ():
        for name in ("state", "lastState"):
            yield each.get(name) or {}


def _times(text: str | None) -> list[int]:
    """RFC 3339 in ms; none where nothing is said."""
    return [int(datetime.fromisoformat(text).timestamp() * 1000)] if text else []


def _asked(pod: Mapping[str, Any]) -> tuple[float, float]:
    """GPUs, or slices and shares of one, and cores."""
    gpus = cores = 0.0
    for container in (pod.get("spec") or {}).get("containers") or ():
        resources = container.get("resources") or {}
        for name, amount in (resources.get("limits") or {}).items():
            if name.startswith("nvidia.com/"):
                gpus += float(amount)
        cores += _cores(str((resources.get("requests") or {}).get("cpu") or "0"))
    return gpus, cores


def _cores(quantity: str) -> float:
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)
