"""As many points as a chart has pixels for, keeping everything an eye would see.

:func:`downsample` keeps points, :func:`band` tells of each pixel column the mean, the least and the
greatest value.

The range of steps is cut into buckets of equal width, one a pixel column. Of each bucket the
smallest and the greatest value stay, and one NaN where there is one, so that a spike is never
averaged away and a gap is never drawn over. The first and the last point of the series stay too.
(The M4 aggregation of Jugel et al., VLDB 2014, less its first and last point of every bucket,
which a min/max band does not show.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .columns import Columns, Floats, Integers

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Band:
    """One point a pixel column, with the mean as its value; ``low`` and ``high`` as many.

    Both are None where there are so few points that each is told as it is. A mean is NaN where one
    of its values is no finite number, so that a gap is seen. ``last`` is the value of the last
    point, if there is one.
    """

    mean: Columns
    low: Floats | None = None
    high: Floats | None = None
    last: float | None = None


def band(points: Columns, width: int) -> Band:
    """At most ``width`` columns, ordered by step, each at its middle point's step and time."""
    points = _by_step(points)
    last = float(points.values[-1]) if len(points) else None
    if len(points) <= 2 * width:
        return Band(points, last=last)
    starts = _bucket_starts(points.steps, width)
    sizes = np.diff(np.append(starts, len(points)))
    values = points.values
    finite = np.isfinite(values)
    counts = np.add.reduceat(finite.astype(np.int64), starts)
    low, high = (
        np.where(counts > 0, extreme.reduceat(np.where(finite, values, fill), starts), np.nan)
        for fill, extreme in ((np.inf, np.minimum), (-np.inf, np.maximum))
    )
    # Divided first: a sum of great numbers may not fit in a float. That of the greatest, each
    # rounded up, may still not.
    shares = np.where(finite, values, 0.0) / np.repeat(np.maximum(counts, 1), sizes)
    with np.errstate(over="ignore"):
        sums = np.add.reduceat(shares, starts)
    mean = np.where(counts == sizes, np.clip(sums, low, high), np.nan)
    middle = points.take(starts + (sizes - 1) // 2)
    return Band(Columns(middle.steps, middle.timestamps, mean), low, high, last)


def downsample(points: Columns, width: int) -> Columns:
    """At most ``3 * width + 2`` of the points, ordered by step and then as they arrived."""
    points = _by_step(points)
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


def _by_step(points: Columns) -> Columns:
    if (points.steps[1:] < points.steps[:-1]).any():
        return points.take(np.argsort(points.steps, kind="stable"))
    return points


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
