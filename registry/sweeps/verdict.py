"""What is left to do for a sweep: how many trials more, or how it ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podium.client.sweeps import SweepState, TrialState

from ..launch.spec import Sweep
from .space import grid_size


@dataclass(frozen=True, slots=True)
class Verdict:
    """``over``: what it ends as, when nothing is under way any more. ``stop``: why what is under
    way is to be stopped. ``ask``: how many trials are to begin.
    """

    ask: int = 0
    over: SweepState | None = None
    stop: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """``best`` is of the completed trials; ``orphaned``: the model version it is of is gone."""

    counts: Mapping[TrialState, int]
    best: float | None = None
    wanted: bool = True
    orphaned: bool = False
    last_failure: str = ""

    @property
    def under_way(self) -> int:
        return self.counts.get(TrialState.WAITING, 0) + self.counts.get(TrialState.RUNNING, 0)


def judge(sweep: Sweep, now: Standing) -> Verdict:
    return _early(sweep, now) or _onward(sweep, now)


def _early(sweep: Sweep, now: Standing) -> Verdict | None:
    """An end that does not wait for the trials under way."""
    if not now.wanted:
        return Verdict(over=SweepState.STOPPED, stop="SweepStopped")
    if now.orphaned:
        message = "The model version that it is of has been deleted."
        return Verdict(over=SweepState.FAILED, stop="SweepFailed", message=message)
    failed = now.counts.get(TrialState.FAILED, 0)
    if failed > sweep.max_failed:
        message = (
            f"{failed} trials have failed, more than max_failed, which is {sweep.max_failed}. "
            f"The last one, {now.last_failure}"
        )
        return Verdict(over=SweepState.FAILED, stop="SweepFailed", message=message)
    if now.best is not None and _is_reached(sweep, now.best):
        message = f"{sweep.metric} is as good as target_value, {sweep.target_value:g}."
        return Verdict(over=SweepState.SUCCEEDED, stop="SweepDone", message=message)
    return None


def _onward(sweep: Sweep, now: Standing) -> Verdict:
    begun = sum(now.counts.values())
    size = grid_size(sweep)
    most = sweep.trials if size is None else min(sweep.trials, size)
    if begun < most:
        return Verdict(ask=max(0, min(sweep.parallel - now.under_way, most - begun)))
    if now.best is None and not now.under_way:
        message = f"No trial has completed. The last failure: {now.last_failure or 'none'}"
        return Verdict(over=SweepState.FAILED, message=message)
    return Verdict(over=SweepState.SUCCEEDED)


def _is_reached(sweep: Sweep, best: float) -> bool:
    if sweep.target_value is None:
        return False
    if sweep.goal == "minimize":
        return best <= sweep.target_value
    return best >= sweep.target_value
