"""The median rule: a trial that is hopelessly behind the others is stopped. Pure.

After Golovin and others, "Google Vizier" (KDD 2017), with the best value so far in place of the
mean so far: a trial's best value by its last step is held against the best ones of the completed
trials by that same step. Steps of two trials need not be the same ones.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from ..launch.spec import Pruner

Curve = Sequence[tuple[int, float]]
"""Steps and the best value by each, where it changes; the last step is always there."""

_MOST = 100


def curve(steps: NDArray[np.int64], values: NDArray[np.float64], *, goal: str) -> Curve:
    """Of points in any order: at most a hundred, the first and the last among them."""
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    known = ~np.isnan(values)
    steps, values = steps[known], values[known]
    if not len(steps):
        return ()
    better = np.minimum if goal == "minimize" else np.maximum
    best = better.accumulate(values)
    changes = np.flatnonzero(np.concatenate(([True], best[1:] != best[:-1])))
    kept = np.union1d(changes, [len(best) - 1])
    if len(kept) > _MOST:
        kept = kept[np.linspace(0, len(kept) - 1, _MOST).round().astype(int)]
    return tuple((int(steps[each]), float(best[each])) for each in kept)


def best_by(found: Curve, step: int) -> float:
    """NaN before its first step."""
    place = bisect_right(found, step, key=lambda point: point[0])
    return found[place - 1][1] if place else math.nan


def verdict(pruner: Pruner, goal: str, mine: Curve, others: Iterable[Curve], *, metric: str) -> str:
    """Why the trial is to be stopped; empty where it goes on. ``others`` have completed."""
    if not mine or mine[-1][0] < pruner.start_step:
        return ""
    step, best = mine[-1]
    found = [best_by(each, step) for each in others if each and each[-1][0] >= step]
    found = [value for value in found if not math.isnan(value)]
    if len(found) < pruner.min_trials:
        return ""
    middle = median(found)
    behind = best > middle if goal == "minimize" else best < middle
    if not behind:
        return ""
    return (
        f"Its best {metric} by step {step} was {best:.6g}; "
        f"half of {len(found)} trials had {middle:.6g} or better by then."
    )
