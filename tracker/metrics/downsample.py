"""As many points as a chart has pixels for, keeping everything an eye would see.

The range of steps is cut into buckets of equal width, one a pixel column. Of each bucket the
smallest and the greatest value stay, and one NaN where there is one, so that a spike is never
averaged away and a gap is never drawn over. The first and the last point of the series stay too.
(The M4 aggregation of Jugel et al., VLDB 2014, less its first and last point of every bucket,
which a min/max band does not show.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .columns import Columns

Flags = npt.NDArray[np.bool_]


def downsample(points: Columns, width: int) -> Columns:
    """At most ``3 * width + 2`` of the points, ordered by step and then as they arrived."""
    if (points.steps[1:] < points.steps[:-1]).any():
        points = points.take(np.argsort(points.steps, kind="stable"))
    if len(points) <= 2 * width:
        return points
    # In float64, since the span of two int64 may not fit in one.
    offsets = points.steps.astype(np.float64) - np.float64(points.steps[0])
    span = offsets[-1] or 1.0
    buckets = np.minimum((offsets / span * width).astype(np.int64), width - 1)
    starts = np.flatnonzero(np.concatenate(([True], buckets[1:] != buckets[:-1])))
    values = points.values
    missing = np.isnan(values)
    keep = np.zeros(len(points), dtype=bool)
    keep[[0, -1]] = True
    sizes = np.diff(np.append(starts, len(points)))
    for fill, extreme in ((np.inf, np.minimum), (-np.inf, np.maximum)):
        filled = np.where(missing, fill, values)
        keep |= _first_of_each(
            (filled == np.repeat(extreme.reduceat(filled, starts), sizes)) & ~missing, starts
        )
    keep |= _first_of_each(missing, starts)
    return points.take(np.flatnonzero(keep))


def _first_of_each(hits: Flags, starts: npt.NDArray[np.intp]) -> Flags:
    """Of the hits in each bucket, the first alone."""
    seen = np.cumsum(hits)
    before = np.concatenate(([0], seen[starts[1:] - 1]))
    sizes = np.diff(np.append(starts, len(hits)))
    first: Flags = hits & (seen - np.repeat(before, sizes) == 1)
    return first
