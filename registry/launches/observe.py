"""From what a cluster has of a launch to how it stands. It is pure, and does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from podium.client.launches import LaunchState

from ..launch.diagnose import Diagnosis, diagnose
from ..launch.state import Phase, State, of_kind
from ..launch.targets import TARGETS
from .usage import NOTHING, Usage, used

# What became of these the system has on its conscience: the same again may work.
_SYSTEM = frozenset({"NodeLost", "Evicted", "Preempted", "DeviceRefused"})
SYSTEM_RETRIES = 3
_OF_THE_CODE = frozenset({"CrashLoop", "Crashed", "OOMKilled"})
_STATES = {
    Phase.MISSING: LaunchState.PENDING,
    Phase.PENDING: LaunchState.PENDING,
    Phase.RUNNING: LaunchState.RUNNING,
    Phase.READY: LaunchState.READY,
    Phase.SUCCEEDED: LaunchState.SUCCEEDED,
    Phase.FAILED: LaunchState.FAILED,
    Phase.STOPPED: LaunchState.STOPPED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Of a launch that is in the cluster, as its row says. ``counted`` is in ms; ``diagnosis`` is
    what was found when it was looked at last."""

    target: str
    purpose: str
    desired: str
    stop_reason: str
    attempt: int
    counted: int
    rates: Mapping[str, float]
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """``over``: it does not change any more. ``again``: it is to be tried once more. ``lost``: what
    serves is not there any more, and has to be. ``unknown``: whether it is there nobody knows."""

    state: LaunchState
    reason: str = ""
    message: str = ""
    diagnosis: Diagnosis | None = None
    endpoint: str = ""
    usage: Usage = NOTHING
    over: bool = False
    again: bool = False
    lost: bool = False
    unknown: bool = False


def observe(
    standing: Standing,
    objects: Sequence[Mapping[str, Any]],
    warnings: Sequence[Mapping[str, Any]],
    *,
    now: int,
    complete: bool,
) -> Observed:
    """``complete``: what is not among the objects is not there; else it may not be known yet."""
    target = TARGETS[standing.target]
    found = target.status(objects)
    usage = used(of_kind(objects, "Pod"), standing.rates, standing.counted, now)
    seen = Observed(
        _STATES[found.phase],
        found.reason,
        found.message,
        endpoint=target.endpoint(objects) or "",
        usage=usage,
        unknown=found.phase is Phase.MISSING and not complete,
    )
    if found.phase not in (Phase.READY, Phase.SUCCEEDED):
        why = diagnose([*objects, *warnings])
        if why is None and found.phase is not Phase.MISSING:
            why = _from_before(standing, objects)
        seen = replace(seen, diagnosis=why)
    if standing.desired == "STOP":
        return _stopping(standing, found, seen, complete=complete)
    if standing.purpose == "serve":
        return replace(seen, lost=found.phase is Phase.MISSING and complete)
    if found.phase is Phase.MISSING and complete:
        message = "Somebody has deleted it, or it ended while nobody looked and was cleared away."
        return replace(seen, state=LaunchState.FAILED, reason="Gone", message=message, over=True)
    if found.phase is Phase.FAILED:
        code = seen.diagnosis.code if seen.diagnosis else ""
        retry = code in _SYSTEM and standing.attempt <= SYSTEM_RETRIES
        return replace(seen, over=not retry, again=retry)
    return replace(seen, over=found.phase.final)


def _from_before(standing: Standing, objects: Sequence[Mapping[str, Any]]) -> Diagnosis | None:
    """While there is no pod: a Job that has tried one again in place deletes it when it gives up,
    as training-operator does, and only then is said to have failed."""
    before = standing.diagnosis
    known = before is not None and before.code in _OF_THE_CODE
    return before if known and not any(of_kind(objects, "Pod")) else None


def _stopping(standing: Standing, found: State, seen: Observed, *, complete: bool) -> Observed:
    """One that is to stop has ended when it is over, or nothing of it is left."""
    if standing.purpose == "serve":
        over = found.phase is Phase.STOPPED or (found.phase is Phase.MISSING and complete)
    else:
        over = found.phase.final or (found.phase is Phase.MISSING and complete)
    if not over:
        return seen
    if found.phase in (Phase.SUCCEEDED, Phase.FAILED) and standing.purpose != "serve":
        return replace(seen, over=True)
    late = standing.stop_reason == "DeadlineExceeded"
    state = LaunchState.FAILED if late else LaunchState.STOPPED
    return replace(
        seen,
        state=state,
        reason=standing.stop_reason,
        message="It had not ended by its deadline." if late else "",
        diagnosis=None,
        endpoint="",
        over=True,
    )
