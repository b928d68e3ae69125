"""Reading points back: blocks first, then the batches that no block holds yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby

import numpy as np
from podium.client import wire
from sqlalchemy import select
from sqlalchemy.orm import Session

from . import blocks
from .columns import ALL, EMPTY, Columns, Window
from .tables import MetricBatch, MetricBlock

# More keys than this are not named in a query: all there are are read, and chosen from here.
_NAMED_KEYS = 500


def read_series(
    session: Session, run: int, keys: Collection[str], window: Window = ALL
) -> dict[str, Columns]:
    """The points of each key in the order they arrived, bit for bit; unknown keys are left out."""
    return read_runs(session, {run: keys}, window).get(run, {})


def read_runs(
    session: Session, wanted: Mapping[int, Collection[str]], window: Window = ALL
) -> dict[int, dict[str, Columns]]:
    """As :func:`read_series`, of several runs with two queries.

    The session must see one state throughout: compaction moves points from batches to blocks.
    """
    found: dict[int, dict[str, list[Columns]]] = {}
    for run, key, points in _pieces(session, wanted, window):
        inside = window.cut(points)
        if len(inside):
            found.setdefault(run, {}).setdefault(key, []).append(inside)
    return {
        run: {key: Columns.join(pieces) for key, pieces in series.items()}
        for run, series in found.items()
    }


def history(session: Session, run: int, key: str, window: Window = ALL) -> Columns:
    """MLflow's history of a metric: each distinct point once, by timestamp, step, value.

    NaN is one value, equal to itself, and stands after the numbers of its timestamp and step.
    """
    points = read_series(session, run, (key,), window).get(key, EMPTY)
    points = points.take(np.lexsort((points.values, points.steps, points.timestamps)))
    if len(points) < 2:
        return points
    same = (
        (points.timestamps[1:] == points.timestamps[:-1])
        & (points.steps[1:] == points.steps[:-1])
        & (
            (points.values[1:] == points.values[:-1])
            | (np.isnan(points.values[1:]) & np.isnan(points.values[:-1]))
        )
    )
    return points.take(np.flatnonzero(np.concatenate(([True], ~same))))


def _pieces(
    session: Session, wanted: Mapping[int, Collection[str]], window: Window
) -> Iterator[tuple[int, str, Columns]]:
    stored = select(MetricBlock.run, MetricBlock.key, MetricBlock.data)
    stored = stored.where(MetricBlock.run.in_(wanted))
    keys = {key for each in wanted.values() for key in each}
    if len(keys) <= _NAMED_KEYS:
        stored = stored.where(MetricBlock.key.in_(keys))
    if window != ALL:
        (low, high), (early, late) = window.steps, window.timestamps
        stored = stored.where(
            MetricBlock.max_step >= low,
            MetricBlock.min_step <= high,
            MetricBlock.max_timestamp >= early,
            MetricBlock.min_timestamp <= late,
        )
    order = (MetricBlock.run, MetricBlock.key, MetricBlock.id)
    rows = session.execute(stored.order_by(*order))
    for (run, key), series in groupby(rows, key=lambda row: (row.run, row.key)):
        if key in wanted[run]:
            yield run, key, blocks.decode(*(row.data for row in series))
    fresh = select(MetricBatch.run, MetricBatch.data).where(MetricBatch.run.in_(wanted))
    for run, data in session.execute(fresh.order_by(MetricBatch.run, MetricBatch.id)):
        for part in wire.decode(data).series:
            if part.key in wanted[run]:
                yield run, part.key, Columns.of(part)
