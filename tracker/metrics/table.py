"""Points of several keys as columns: what one request carries, ready to be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from podium.client import wire
from podium.client.entities import Metric
from podium.client.rules import check_int64, check_key, check_timestamp

from .columns import EMPTY, Columns

_KNOWN = {"key", "value", "timestamp", "step", "model_id", "dataset_name", "dataset_digest"}
_NUMBERS = {int, float}


@dataclass(frozen=True, slots=True)
class PointTable:
    """``codes[i]`` says which of ``names`` point ``i`` of ``columns`` belongs to."""

    names: tuple[str, ...]
    codes: npt.NDArray[np.intp]
    columns: Columns

    def __len__(self) -> int:
        return len(self.columns)

    @classmethod
    def of_metrics(cls, metrics: Sequence[Metric]) -> PointTable:
        """Raises :class:`BadRequest` that names the first step or time of more than 64 bits."""
        return cls._of(
            [metric.key for metric in metrics],
            [
                check_int64(metric.step, f"metrics[{index}].step")
                for index, metric in enumerate(metrics)
            ],
            [
                check_timestamp(metric.timestamp, f"metrics[{index}].timestamp")
                for index, metric in enumerate(metrics)
            ],
            [metric.value for metric in metrics],
        )

    @classmethod
    def of_json(cls, points: Sequence[Any]) -> PointTable | None:
        """The points of MLflow's JSON; None unless each is spelt and typed as its clients do it.

        A hundredth of the time that a check field by field takes, for what is nearly always well.
        """
        try:
            keys = [point["key"] for point in points]
            steps = [point.get("step", 0) for point in points]
            timestamps = [point["timestamp"] for point in points]
            values = [point["value"] for point in points]
            if (
                set(map(type, keys)) != {str}
                or {*map(type, steps), *map(type, timestamps)} != {int}
                or not _NUMBERS.issuperset(map(type, values))
                or not all(point.keys() <= _KNOWN for point in points)
            ):
                return None
            return cls._of(keys, steps, timestamps, values)
        except (AttributeError, KeyError, OverflowError, TypeError):
            return None

    @classmethod
    def of_series(cls, series: Sequence[wire.Series]) -> PointTable:
        sizes = [len(each) for each in series]
        columns = Columns.join([Columns.of(each) for each in series]) if series else EMPTY
        return cls(
            tuple(each.key for each in series), np.repeat(np.arange(len(series)), sizes), columns
        )

    @classmethod
    def _of(
        cls,
        keys: Sequence[str],
        steps: Sequence[int],
        timestamps: Sequence[int],
        values: Sequence[float],
    ) -> PointTable:
        codes = {key: code for code, key in enumerate(dict.fromkeys(keys))}
        return cls(
            tuple(codes),
            np.fromiter(map(codes.__getitem__, keys), np.intp, len(keys)),
            Columns(
                np.array(steps, np.int64), np.array(timestamps, np.int64), np.array(values, "f8")
            ),
        )

    def check(self) -> None:
        """Raise :class:`BadRequest` that names the first point with a wrong key or time."""
        firsts = np.unique(self.codes, return_index=True)[1] if len(self) else ()
        for name, index in zip(self.names, firsts, strict=True):
            check_key(name, f"metrics[{index}].key", kind="metric")
        early = self.columns.timestamps < 0
        if early.any():
            index = int(np.argmax(early))
            check_timestamp(int(self.columns.timestamps[index]), f"metrics[{index}].timestamp")

    def series(self) -> tuple[wire.Series, ...]:
        """By key, the points of each in their order."""
        order = np.argsort(self.codes, kind="stable")
        ordered = self.columns.take(order)
        ends = np.cumsum(np.bincount(self.codes, minlength=len(self.names))).tolist()
        return tuple(
            wire.Series(
                name,
                ordered.steps[start:end].astype("<i8", copy=False).tobytes(),
                ordered.timestamps[start:end].astype("<i8", copy=False).tobytes(),
                ordered.values[start:end].astype("<f8", copy=False).tobytes(),
            )
            for name, start, end in zip(self.names, [0, *ends], ends, strict=False)
        )

    def summaries(self) -> Iterable[Mapping[str, Any]]:
        """Of each key that has points the row of ``metric_summaries``, without its run."""
        if not len(self):
            return
        steps, timestamps, values = self.columns.steps, self.columns.timestamps, self.columns.values
        missing = np.isnan(values)
        ranks = np.where(missing, 0.0, values)
        order = np.lexsort((ranks, timestamps, steps, self.codes))
        groups = self.codes[order]
        starts = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
        lasts = order[np.append(starts[1:], len(order)) - 1]
        arrival = np.lexsort((timestamps, steps, self.codes))
        firsts = arrival[starts]
        counts = np.diff(np.append(starts, len(order)))
        ordered, absent = values[order], missing[order]
        lowest = np.minimum.reduceat(np.where(absent, np.inf, ordered), starts)
        highest = np.maximum.reduceat(np.where(absent, -np.inf, ordered), starts)
        numbers = counts - np.add.reduceat(absent.astype(np.intp), starts)
        rows = zip(
            groups[starts].tolist(),
            *(column[lasts].tolist() for column in (values, steps, timestamps)),
            *(column[firsts].tolist() for column in (values, steps, timestamps)),
            lowest.tolist(),
            highest.tolist(),
            numbers.tolist(),
            counts.tolist(),
            strict=True,
        )
        for code, last, at, when, first, begun, since, low, high, real, count in rows:
            yield {
                "key": self.names[code],
                "last_value": _number(last),
                "last_step": at,
                "last_timestamp": when,
                "first_value": _number(first),
                "first_step": begun,
                "first_timestamp": since,
                "min_value": low if real else None,
                "max_value": high if real else None,
                "points": count,
            }


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124  (not NaN)
