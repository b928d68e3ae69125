"""The points of one series as three arrays, and which of them are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from podium.client import wire
from podium.client.errors import BadRequest
from podium.client.rules import INT64_MAX, INT64_MIN

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrays of the same length: steps, timestamps (ms since 1970), values."""

    steps: Integers
    timestamps: Integers
    values: Floats

    def __len__(self) -> int:
        return len(self.steps)

    def take(self, indices: npt.NDArray[np.intp] | slice) -> Columns:
        return Columns(self.steps[indices], self.timestamps[indices], self.values[indices])

    @classmethod
    def of(cls, series: wire.Series) -> Columns:
        return cls(
            np.frombuffer(series.steps, "<i8"),
            np.frombuffer(series.timestamps, "<i8"),
            np.frombuffer(series.values, "<f8"),
        )

    @classmethod
    def join(cls, pieces: list[Columns]) -> Columns:
        if len(pieces) == 1:
            return pieces[0]
        return cls(
            np.concatenate([piece.steps for piece in pieces]),
            np.concatenate([piece.timestamps for piece in pieces]),
            np.concatenate([piece.values for piece in pieces]),
        )


EMPTY = Columns(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


@dataclass(frozen=True, slots=True)
class Window:
    """The points from a step to a step and from a time to a time, all four included."""

    first_step: int | None = None
    last_step: int | None = None
    first_timestamp: int | None = None
    last_timestamp: int | None = None

    def __post_init__(self) -> None:
        for what, (first, last) in (("step", self.steps), ("timestamp", self.timestamps)):
            if first > last:
                raise BadRequest(
                    f"Invalid value for parameter 'last_{what}' supplied: {last} is less than "
                    f"'first_{what}', {first}."
                )

    @property
    def steps(self) -> tuple[int, int]:
        return _bounds(self.first_step, self.last_step)

    @property
    def timestamps(self) -> tuple[int, int]:
        return _bounds(self.first_timestamp, self.last_timestamp)

    def cut(self, points: Columns) -> Columns:
        if self == ALL or len(points) == 0:
            return points
        (low, high), (early, late) = self.steps, self.timestamps
        inside = (points.steps >= low) & (points.steps <= high)
        inside &= (points.timestamps >= early) & (points.timestamps <= late)
        return points if inside.all() else points.take(np.flatnonzero(inside))


def _bounds(first: int | None, last: int | None) -> tuple[int, int]:
    return INT64_MIN if first is None else first, INT64_MAX if last is None else last


ALL = Window()
