"""The objective of a sweep by trial, drawn on the server; the table below it says the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flask import url_for
from podium.client.sweeps import Sweep, SweepTrial, TrialState

from .formats import number

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 28
_TICKS = 4
# Where values lie further apart than this, they are drawn by their logarithm.
_WIDE = 1000


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    state: str
    title: str
    link: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``rows`` are the lines across, each with its y and what it stands for; ``best`` is the path
    of the best value so far."""

    points: tuple[Point, ...]
    best: str
    rows: tuple[tuple[float, str], ...]
    columns: tuple[tuple[float, str], ...]
    logarithmic: bool


def chart(sweep: Sweep, trials: Sequence[SweepTrial]) -> Chart | None:
    """None where no trial has an objective yet."""
    drawn = [
        (each, each.value)
        for each in trials
        if each.value is not None and each.state in (TrialState.COMPLETE, TrialState.PRUNED)
    ]
    if not drawn:
        return None
    scale = _Scale.of([value for _, value in drawn])
    last = max(sweep.trials - 1, 1)

    def across(trial: SweepTrial) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * trial.number / last, 1)

    points = tuple(
        Point(
            across(each),
            scale.y(value),
            str(each.state).lower(),
            f"Trial {each.number}, {str(each.state).lower()}: {sweep.metric} {number(value)}",
            url_for("runs.page", run_id=each.run_id),
        )
        for each, value in drawn
    )
    complete = [pair for pair in drawn if pair[0].state is TrialState.COMPLETE]
    return Chart(
        points,
        _best(sweep, [(across(each), value) for each, value in complete], scale),
        tuple((scale.y(value), number(value)) for value in scale.ticks()),
        tuple((_LEFT + (WIDTH - _LEFT - _RIGHT) * n / last, str(n)) for n in (0, last)),
        scale.logarithmic,
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float]) -> _Scale:
        low, high = min(values), max(values)
        if low > 0 and high / low > _WIDE:
            return cls(math.log10(low), math.log10(high), logarithmic=True)
        spread = (high - low) or abs(high) or 1.0
        return cls(low - spread / 20, high + spread / 20, logarithmic=False)

    def y(self, value: float) -> float:
        place = math.log10(value) if self.logarithmic else value
        share = (place - self.low) / (self.high - self.low)
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share, 1)

    def ticks(self) -> list[float]:
        places = [self.low + (self.high - self.low) * each / (_TICKS - 1) for each in range(_TICKS)]
        return [10**place for place in places] if self.logarithmic else places


def _best(sweep: Sweep, complete: Sequence[tuple[float, float]], scale: _Scale) -> str:
    better = min if sweep.goal == "minimize" else max
    path, best = "", math.nan
    for x, value in complete:
        now = value if math.isnan(best) else better(best, value)
        path += f"M{x} {scale.y(now)}" if not path else f"H{x}V{scale.y(now)}"
        best = now
    return f"{path}H{WIDTH - _RIGHT}" if path else ""
