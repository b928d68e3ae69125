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

from .columns import Columns, Integers

Flags = npt.NDArray[np.bool_]


def downsample(points: Columns, width: int) -> Columns:
    """At most ``3 * width + 2`` of the points, ordered by step and then as they arrived."""
    if (points.steps[1:] < points.steps[:-1]).any():
        points = points.take(np.argsort(points.steps, kind="stable"))
    if len(points) <= 2 * width:
        return points
    starts = _bucket_starts(points.steps, width)
    values = points.values
    missing = np.isnan(values)
    gaps = bool(missing.any())
    keep = np.zeros(len(points), dtype=bool)
    keep[[0, -1]] = True
    for fill, extreme in ((np.inf, np.minimum), (-np.inf, np.maximum)):
        filled = np.where(missing, fill, values) if gaps else values
        best = np.repeat(extreme.reduceat(filled, starts), np.diff(np.append(starts, len(values))))
        hits = (filled == best) & ~missing if gaps else filled == best
        keep[_first_of_each(hits, starts)] = True
    if gaps:
        keep[_first_of_each(missing, starts)] = True
    return points.take(np.flatnonzero(keep))


def _bucket_starts(steps: Integers, width: int) -> npt.NDArray[np.intp]:
    """Where the buckets begin that hold a point."""
    first, last = int(steps[0]), int(steps[-1])
    shares = np.arange(width) / width
    if last - first < 2**53:
        starts = np.searchsorted(steps, first + np.ceil((last - first) * shares).astype(np.int64))
    else:  # the span of two int64 may not fit in one
        offsets = steps.astype(np.float64) - first
        starts = np.searchsorted(offsets, offsets[-1] * shares)
    starts = starts[starts < len(steps)]
    return starts[np.concatenate(([True], starts[1:] != starts[:-1]))]


def _first_of_each(hits: Flags, starts: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Of the hits in each bucket, the first alone."""
    found = np.flatnonzero(hits)
    # For a bucket without a hit this is the next one's first, or none.
    nearest = np.searchsorted(found, starts)
    return found[nearest[nearest < len(found)]]
