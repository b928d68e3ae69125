"""Runs in groups: those with the same param, tag, attribute or data set, counted and averaged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podium.client.entities import ViewType
from podium.client.errors import BadRequest
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased

from ..datasets import Dataset, DatasetInput
from ..db import Database
from ..experiments import parse_experiment_id, stage_filter
from ..models import Param, Run, Tag
from ..search import compile_filter
from .search import RUNS
from .table import read_metrics

MAX_GROUPS = 200
# Values of metrics that are averaged: what is read in a blink.
MAX_AVERAGED = 20_000
_AT_ONCE = 5000
_ATTRIBUTES = {"user_id": Run.user_id, "status": Run.status, "run_name": Run.name}
_Joining = Callable[[Select[Any]], Select[Any]]
Metric = tuple[str, str]  # its key, and which value of it: last, first, min or max


@dataclass(frozen=True, slots=True)
class Spread:
    """Of the runs of a group that have a number there."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Group:
    """``value`` is None for the runs that have none."""

    value: str | None
    runs: int
    last_start: int
    metrics: Mapping[Metric, Spread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Groups:
    """The largest first; ``more`` says that there are others than these.

    Of more than :data:`MAX_AVERAGED` values no mean is taken, and ``averaged`` says so.
    """

    found: Sequence[Group] = ()
    more: bool = False
    averaged: bool = True


def group_runs(
    db: Database,
    *,
    experiment_id: str,
    kind: str,
    key: str,
    filter: str = "",  # noqa: A002  (its name in the API)
    view: ViewType = ViewType.ACTIVE_ONLY,
    metrics: Sequence[Metric] = (),
) -> Groups:
    """``kind`` and ``key`` are as in a filter: params.model, tags.team, datasets.name.

    A run that has read several data sets is in several groups.
    """
    experiment = parse_experiment_id(experiment_id)
    value, joined = _by(kind, key)

    def of_group(*columns: Any) -> Select[Any]:
        return joined(select(value, *columns).select_from(Run)).where(
            Run.experiment_id == experiment, *stage_filter(Run, view), compile_filter(filter, RUNS)
        )

    size = func.count()
    largest = of_group(size, func.max(Run.start_time)).group_by(value)
    with db.reading() as session:
        rows = session.execute(largest.order_by(size.desc(), value).limit(MAX_GROUPS + 1)).all()
        total = sum(row[1] for row in rows) * len(metrics)
        averaged = len(rows) <= MAX_GROUPS and total <= MAX_AVERAGED
        found: Mapping[str | None, Mapping[Metric, Spread]] = {}
        if averaged and metrics:
            found = _spreads(session, session.execute(of_group(Run.id)).all(), metrics)
    return Groups(
        tuple(
            Group(name, runs, last, found.get(name, {})) for name, runs, last in rows[:MAX_GROUPS]
        ),
        len(rows) > MAX_GROUPS,
        averaged,
    )


def _spreads(
    session: Session, members: Sequence[Any], metrics: Sequence[Metric]
) -> dict[str | None, dict[Metric, Spread]]:
    """``members`` are pairs of a group and a run.

    What runs have is read by their numbers, some thousands at a time: a join over all tempts a
    planner to begin at the metric.
    """
    numbers: dict[tuple[str | None, Metric], list[float]] = {}
    for first in range(0, len(members), _AT_ONCE):
        portion = members[first : first + _AT_ONCE]
        keys = list({key for key, _ in metrics})
        summaries = read_metrics(session, [run for _, run in portion], keys)
        for name, run in portion:
            having = summaries.get(run, {})
            for key, which in metrics:
                value = getattr(having[key], which) if key in having else None
                if value is not None and not math.isnan(value):
                    numbers.setdefault((name, (key, which)), []).append(value)
    found: dict[str | None, dict[Metric, Spread]] = {}
    for (name, metric), values in numbers.items():
        mean = math.fsum(values) / len(values) if all(map(math.isfinite, values)) else sum(values)
        found.setdefault(name, {})[metric] = Spread(mean, min(values), max(values))
    return found


def _by(kind: str, key: str) -> tuple[ColumnElement[Any], _Joining]:
    """What runs are grouped by, and the join that brings it in."""
    if kind == "attributes" and key in _ATTRIBUTES:
        return _ATTRIBUTES[key].expression, lambda statement: statement
    if kind in ("params", "tags"):
        table: Any = aliased(Param if kind == "params" else Tag)

        def with_key(statement: Select[Any]) -> Select[Any]:
            return statement.outerjoin(table, (table.run == Run.id) & (table.key == key))

        return table.value.expression, with_key
    if (kind, key) == ("datasets", "name"):

        def with_dataset(statement: Select[Any]) -> Select[Any]:
            return statement.outerjoin(DatasetInput, DatasetInput.run == Run.id).outerjoin(
                Dataset, Dataset.id == DatasetInput.dataset
            )

        return Dataset.name.expression, with_dataset
    raise BadRequest(f"'group' is {f'{kind}.{key}'[:100]!r}: give a param, a tag or datasets.name.")
