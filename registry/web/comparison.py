"""Runs side by side: what each has, what differs, and the same as data for a drawing."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from podium.tracker.runs.table import Row

from .formats import duration, number

NAME_TAG = "mlflow.runName"
_CODE = ("mlflow.source.", "mlflow.project.")
_ENVIRONMENT = ("mlflow.docker.", "mlflow.databricks.")
_OURS = "podium."  # of which launch or sweep a run is, and what became of it
# More axes than these, nobody can follow a line through.
_AXES = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One key: what each run has there, in the order of the runs; None where it has none."""

    key: str
    values: tuple[str | None, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: tuple[Line, ...]
    numeric: bool = False

    @property
    def differing(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.differs)


def sections(rows: Sequence[Row], packages: Mapping[str, Mapping[str, str]]) -> tuple[Section, ...]:
    """Params, metrics, code, environment, data sets, tags, the run itself; none that is empty.

    ``packages`` are those of a run, by its id.
    """
    tags = sorted({key for row in rows for key in row.tags} - {NAME_TAG})
    code = [key for key in tags if key.startswith(_CODE)]
    environment = [key for key in tags if key.startswith(_ENVIRONMENT)]
    ours = [key for key in tags if key.startswith(_OURS)]
    others = [key for key in tags if key not in {*code, *environment, *ours}]
    found = (
        _section("Params", rows, _keys(row.params for row in rows), lambda row: row.params.get),
        Section(
            "Metrics",
            tuple(
                Line(key, tuple(_last(row, key) for row in rows))
                for key in _keys(row.metrics for row in rows)
            ),
            numeric=True,
        ),
        _section("Code", rows, code, _tag),
        Section("Environment", _environment(rows, environment, packages)),
        Section("Data sets", _datasets(rows)),
        _section("Tags", rows, others, _tag),
        Section("Run", (*_of_the_run(rows), *_section("", rows, ours, _tag).lines)),
    )
    return tuple(each for each in found if each.lines)


def drawn(rows: Sequence[Row]) -> str:
    """JSON of the axes that ui/src/plots.ts draws: a number, a text or null for each run.

    Params that are numbers in every run that has them are numbers. What does not differ is no axis.
    """
    axes = [
        {"name": key, "kind": "params", "values": _numbers([row.params.get(key) for row in rows])}
        for key in _keys(row.params for row in rows)
    ]
    axes += [
        {"name": key, "kind": "metrics", "values": [_finite(row, key) for row in rows]}
        for key in _keys(row.metrics for row in rows)
    ]
    differing = [axis for axis in axes if len(set(map(str, axis["values"]))) > 1]
    named = [{"id": row.run_id, "name": row.run_name} for row in rows]
    return json.dumps({"runs": named, "axes": differing[:_AXES]}, ensure_ascii=False)


def _section(
    title: str,
    rows: Sequence[Row],
    keys: Iterable[str],
    at: Callable[[Row], Callable[[str], str | None]],
) -> Section:
    return Section(title, tuple(Line(key, tuple(at(row)(key) for row in rows)) for key in keys))


def _tag(row: Row) -> Callable[[str], str | None]:
    return row.tags.get


def _environment(
    rows: Sequence[Row], tags: Sequence[str], packages: Mapping[str, Mapping[str, str]]
) -> tuple[Line, ...]:
    """What is told of the machine, then Python, then the packages."""
    having = [packages.get(row.run_id, {}) for row in rows]
    names = sorted(_keys(having), key=lambda name: (name != "python", name))
    lines = (Line(name, tuple(each.get(name) for each in having)) for name in names)
    return (*_section("", rows, tags, _tag).lines, *lines)


def _keys(having: Iterable[Mapping[str, object]]) -> list[str]:
    return sorted({key for each in having for key in each})


def _last(row: Row, key: str) -> str | None:
    found = row.metrics.get(key)
    return None if found is None else number(found.last)


def _datasets(rows: Sequence[Row]) -> tuple[Line, ...]:
    """By name the digests that each run has read."""
    names = sorted({each.name for row in rows for each in row.datasets})
    return tuple(
        Line(
            name,
            tuple(
                ", ".join(each.digest for each in row.datasets if each.name == name) or None
                for row in rows
            ),
        )
        for name in names
    )


def _of_the_run(rows: Sequence[Row]) -> tuple[Line, ...]:
    return (
        Line("status", tuple(row.state.lower() for row in rows)),
        Line("duration", tuple(duration(row.start_time, row.end_time) for row in rows)),
        Line("user", tuple(row.user_id or None for row in rows)),
    )


def _numbers(values: Sequence[str | None]) -> Sequence[str | float | None]:
    try:
        found = [None if value is None else float(value) for value in values]
    except ValueError:
        return values
    return found if all(each is None or math.isfinite(each) for each in found) else values


def _finite(row: Row, key: str) -> float | None:
    found = row.metrics.get(key)
    return found.last if found is not None and math.isfinite(found.last) else None
