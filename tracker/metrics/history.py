"""Reading points back."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from podium.client import wire
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import MetricBatch

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """The points of one series: three arrays of the same length."""

    steps: Integers
    timestamps: Integers
    values: Floats

    def __len__(self) -> int:
        return len(self.steps)

    def take(self, indices: npt.NDArray[np.intp] | slice) -> Columns:
        return Columns(self.steps[indices], self.timestamps[indices], self.values[indices])


def read_series(session: Session, run: int, keys: Collection[str]) -> dict[str, Columns]:
    """The points of each key in the order they arrived, bit for bit; unknown keys are left out."""
    wanted = set(keys)
    found: dict[str, list[wire.Series]] = {}
    for batch in _batches(session, run):
        for series in batch.series:
            if series.key in wanted:
                found.setdefault(series.key, []).append(series)
    return {key: _join(pieces) for key, pieces in found.items()}


def history(session: Session, run: int, key: str) -> Columns:
    """MLflow's history of a metric: each distinct point once, by timestamp, step, value.

    NaN is one value, equal to itself, and stands after the numbers of its timestamp and step.
    """
    points = read_series(session, run, (key,)).get(key, _EMPTY)
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


_EMPTY = Columns(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


def _batches(session: Session, run: int) -> Iterator[wire.Batch]:
    rows = session.scalars(
        select(MetricBatch.data).where(MetricBatch.run == run).order_by(MetricBatch.id)
    )
    for data in rows:
        yield wire.decode(data)


def _join(pieces: list[wire.Series]) -> Columns:
    return Columns(
        np.frombuffer(b"".join(piece.steps for piece in pieces), "<i8"),
        np.frombuffer(b"".join(piece.timestamps for piece in pieces), "<i8"),
        np.frombuffer(b"".join(piece.values for piece in pieces), "<f8"),
    )
