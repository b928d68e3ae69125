"""What a sweep is, to whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SweepState(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    """All trials have been made, or the metric is as good as was asked for."""
    FAILED = "FAILED"
    """Too many trials failed."""
    STOPPED = "STOPPED"


class TrialState(StrEnum):
    WAITING = "WAITING"
    """It has values, and is not launched yet."""
    RUNNING = "RUNNING"
    """It is launched: how that goes its launch says."""
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    """It was hopelessly behind the others."""
    FAILED = "FAILED"
    STOPPED = "STOPPED"
    """By somebody, or because the sweep has ended."""


@dataclass(frozen=True, slots=True)
class SweepTrial:
    """``params`` are its values, ``value`` its objective, ``run_id`` where it logs to. Times are
    in ms."""

    number: int
    state: TrialState
    params: Mapping[str, Any]
    run_id: str
    launch_id: str
    created: int
    value: float | None = None
    step: int | None = None
    message: str = ""
    ended: int | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """``trials`` is how many there are to be at most, ``counts`` how many there are in each state.

    ``run_id`` is the run that those of the trials are children of. ``problem``: why it does not go
    on now. Times are in ms.
    """

    sweep_id: str
    name: str
    version: int | None
    target: str
    metric: str
    goal: str
    algorithm: str
    seed: int
    trials: int
    parallel: int
    state: SweepState
    desired: str
    author: str
    created: int
    experiment_id: str
    run_id: str
    counts: Mapping[str, int]
    best: SweepTrial | None = None
    message: str = ""
    problem: str = ""
    ended: int | None = None
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return self.ended is None
