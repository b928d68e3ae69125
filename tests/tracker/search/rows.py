"""Runs to search, and what a filter means for one of them said in plain Python."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from podium.tracker.datasets import Dataset, DatasetInput, DatasetInputTag
from podium.tracker.metrics.tables import MetricSummary
from podium.tracker.models import Param, Run, Tag
from podium.tracker.runs.search import RUNS
from podium.tracker.search.syntax import And, Clause, Comparison, Key, Not, Operator, Or
from sqlalchemy import select
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Summary:
    """A metric's summary columns; NaN as itself."""

    last: float
    first: float = 0.0
    min: float = 0.0
    max: float = 0.0


@dataclass(frozen=True)
class Row:
    number: int
    run_name: str = "run"
    status: str = "FINISHED"
    start_time: int = 0
    end_time: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Summary] = field(default_factory=dict)

    datasets: Sequence[tuple[str, str, str | None]] = ()  # name, digest and context

    @property
    def run_id(self) -> str:
        return f"{self.number:032x}"

    def values(self, key: Key) -> list[Found]:
        """The values at ``key``, if any."""
        found = RUNS.find(key)
        if found.scope == "dataset":
            place = ("name", "digest", "context").index(found.name)
            return [each[place] or "" for each in self.datasets if each[place] is not None]
        value = self.value(key)
        return [] if value is None else [value]

    def value(self, key: Key) -> Found | None:
        """The value at ``key`` where there can be but one."""
        found = RUNS.find(key)
        if found.scope == "metric":
            summary = self.metrics.get(found.name)
            value: float | None = getattr(summary, key.aggregate or "last", None)
            return value
        if found.scope == "param":
            return self.params.get(found.name)
        if found.scope == "tag":
            return self.tags.get(found.name)
        attribute: str | int | None = getattr(self, found.name)
        return attribute


def store(session: Session, rows: Iterable[Row]) -> None:
    """Insert the rows as runs of the default experiment."""
    for row in rows:
        run = Run(
            run_id=row.run_id,
            experiment_id=0,
            name=row.run_name,
            status=row.status,
            start_time=row.start_time,
            end_time=row.end_time,
            artifact_uri="",
        )
        session.add(run)
        session.flush()
        session.add_all(Param(run=run.id, key=key, value=row.params[key]) for key in row.params)
        session.add_all(Tag(run=run.id, key=key, value=row.tags[key]) for key in row.tags)
        session.add_all(_summary(run, key, row.metrics[key]) for key in row.metrics)
        for name, digest, context in row.datasets:
            _store_input(session, run, name, digest, context)
    session.flush()


def _store_input(session: Session, run: Run, name: str, digest: str, context: str | None) -> None:
    named = {"experiment_id": 0, "name": name, "digest": digest}
    dataset = session.scalar(select(Dataset).filter_by(**named))
    if dataset is None:
        dataset = Dataset(**named, source_type="", source="")
        session.add(dataset)
        session.flush()
    read = DatasetInput(run=run.id, dataset=dataset.id)
    session.add(read)
    session.flush()
    session.add(DatasetInputTag(input=read.id, key="other", value="b"))
    if context is not None:
        session.add(DatasetInputTag(input=read.id, key="mlflow.data.context", value=context))


def _summary(run: Run, key: str, summary: Summary) -> MetricSummary:
    return MetricSummary(
        run=run.id,
        key=key,
        last_value=_nan_as_null(summary.last),
        first_value=_nan_as_null(summary.first),
        min_value=_nan_as_null(summary.min),
        max_value=_nan_as_null(summary.max),
        last_step=0,
        last_timestamp=0,
        first_step=0,
        first_timestamp=0,
        points=1,
    )


def _nan_as_null(value: float) -> float | None:
    return None if math.isnan(value) else value


Found = str | int | float

_COMPARE = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
}


Values = Callable[[Key], Sequence[Found]]


def matches(clause: Clause, values: Values) -> bool:
    """``values`` are those there are at a key, of one thing that is searched."""
    match clause:
        case And(clauses):
            return all(matches(each, values) for each in clauses)
        case Or(clauses):
            return any(matches(each, values) for each in clauses)
        case Not(inner):
            return not matches(inner, values)
        case Comparison(key, how, literals):
            found = values(key)
            if how in (Operator.IS_NULL, Operator.IS_NOT_NULL):
                return bool(found) == (how is Operator.IS_NOT_NULL)
            return any(_compare(each, how, [value.value for value in literals]) for each in found)


def _compare(found: Found, how: Operator, values: list[str | int | float]) -> bool:
    if how in _COMPARE:
        return bool(_COMPARE[how](found, values[0]))
    match how:
        case Operator.IN:
            return found in values
        case Operator.NOT_IN:
            return found not in values
        case Operator.BETWEEN | Operator.NOT_BETWEEN:
            number, low, high = float(found), float(values[0]), float(values[1])
            if how is Operator.BETWEEN:
                return low <= number <= high
            return number < low or number > high
        case _:
            pattern = _regex(str(values[0]), ignore_case="ILIKE" in how)
            return (pattern.fullmatch(str(found)) is not None) != how.startswith("NOT")


def place_of(found: Found | None, *, descending: bool) -> tuple[object, ...]:
    """Where a value sorts: numbers and texts, then NaN, then nothing, in both directions."""
    if found is None:
        return (2,)
    if isinstance(found, float) and math.isnan(found):
        return (1,)
    if isinstance(found, str):
        points = [ord(character) for character in found]
        return (0, [-point for point in points] + [1] if descending else points)
    return (0, -found if descending else found)


def _regex(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    parts = []
    for part in re.findall(r"\\[%_\\]|.", pattern, re.DOTALL):
        match part:
            case "%":
                parts.append(".*")
            case "_":
                parts.append(".")
            case _:
                parts.append(re.escape(part[-1]))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))
