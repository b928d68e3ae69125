"""Tables of runs: one page of a search, with the values of a few keys and no others.

A run may have ten thousand metrics. A table shows some of them, so that is what is read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from podium.client.entities import LifecycleStage, RunStatus, ViewType
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..datasets import Dataset, DatasetInput
from ..db import Database
from ..experiments import MAX_PAGE, find_experiment, parse_experiment_id, stage_filter
from ..metrics.tables import MetricSummary
from ..models import Param, Run, Tag
from ..paging import check_size
from ..search import compile_filter, compile_order, search_page
from .search import RUNS

# From how many runs of a page it is told which keys are common, and how many of those.
_SAMPLE, _COMMON = 10, 30
_COMPARED = 500
_AT_ONCE = 2000
# Of an experiment's keys: the newest runs are looked through, in portions, until so many rows are.
_PORTIONS, _ENOUGH = (10, 40, 150, 800), 100_000


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of metrics, params and tags."""

    metrics: Sequence[str] = ()
    params: Sequence[str] = ()
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric of a run. ``min`` and ``max`` are None when no value was a number."""

    last: float
    first: float
    min: float | None
    max: float | None


class DatasetName(NamedTuple):
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Row:
    """A run, and of its metrics, params and tags those that were asked for."""

    run_id: str
    run_name: str
    user_id: str
    status: RunStatus
    state: str
    start_time: int
    end_time: int | None
    lifecycle_stage: LifecycleStage
    metrics: Mapping[str, Summary] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[DatasetName] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """``common`` are the keys that most of its runs have, the most common first."""

    rows: Sequence[Row] = ()
    next_page_token: str | None = None
    common: Keys = Keys()


def read_table(
    db: Database,
    *,
    experiment_id: str,
    filter: str = "",  # noqa: A002  (its name in the API)
    view: ViewType = ViewType.ACTIVE_ONLY,
    order_by: Sequence[str] = (),
    max_results: int = 100,
    page_token: str | None = None,
    keys: Keys | None = None,
    common: bool = True,
) -> Table:
    """One page of the runs of an experiment with their values at ``keys``.

    Without ``keys`` those that are common in the page are read.
    """
    check_size(max_results, MAX_PAGE)
    experiment = parse_experiment_id(experiment_id)
    with db.reading() as session:
        runs, token = search_page(
            session,
            RUNS,
            select(Run).where(Run.experiment_id == experiment, *stage_filter(Run, view)),
            filter=filter,
            order_by=order_by,
            max_results=max_results,
            page_token=page_token,
            scope=(view, experiment),
        )
        found = _common_keys(session, [run.id for run in runs]) if common else Keys()
        return Table(rows_of(session, runs, found if keys is None else keys), token, found)


def read_all(
    db: Database,
    *,
    experiment_id: str,
    filter: str = "",  # noqa: A002  (its name in the API)
    view: ViewType = ViewType.ACTIVE_ONLY,
    order_by: Sequence[str] = (),
    keys: Keys,
) -> Iterator[Row]:
    """Every row of a table, in one read transaction: what is logged meanwhile moves nothing."""
    ordering = compile_order(order_by, RUNS)
    statement = select(Run.id).where(
        Run.experiment_id == parse_experiment_id(experiment_id),
        *stage_filter(Run, view),
        compile_filter(filter, RUNS),
    )
    for join in ordering.joins:
        statement = statement.outerjoin(join.table, join.on)
    with db.reading() as session:
        ids = session.scalars(statement.order_by(*ordering.order_by)).all()
        for first in range(0, len(ids), _AT_ONCE):
            portion = ids[first : first + _AT_ONCE]
            runs = {run.id: run for run in session.scalars(select(Run).where(Run.id.in_(portion)))}
            yield from rows_of(session, [runs[each] for each in portion], keys)
            session.expunge_all()


def read_rows(db: Database, run_ids: Sequence[str], keys: Keys) -> list[Row]:
    """These runs in this order; those that there are not are left out."""
    with db.reading() as session:
        found = session.scalars(select(Run).where(Run.run_id.in_(run_ids)))
        place = {run_id: at for at, run_id in enumerate(run_ids)}
        return rows_of(session, sorted(found, key=lambda run: place[run.run_id]), keys)


def compare(db: Database, run_ids: Sequence[str]) -> tuple[list[Row], bool]:
    """These runs with all they have, and whether that is all: of each kind at most the 500 keys
    that most of them have.
    """
    with db.reading() as session:
        found = session.scalars(select(Run).where(Run.run_id.in_(run_ids))).all()
        place = {run_id: at for at, run_id in enumerate(run_ids)}
        runs = sorted(found, key=lambda run: place[run.run_id])
        ids = [run.id for run in runs]
        counted = [_keys(session, table, ids) for table in (MetricSummary, Param, Tag)]
        keys = [[key for key, _ in each.most_common(_COMPARED)] for each in counted]
        whole = all(len(each) <= _COMPARED for each in counted)
        return rows_of(session, runs, Keys(*keys)), whole


def keys_of(db: Database, experiment_id: str) -> Keys:
    """The keys of the newest runs of an experiment, sorted: at most of some thousand runs.

    It looks through as many runs as hold about a hundred thousand rows, so that it is as quick
    where a run has ten thousand keys.
    """
    with db.reading() as session:
        runs = session.scalars(
            select(Run.id)
            .where(Run.experiment_id == find_experiment(session, experiment_id).id)
            .order_by(Run.start_time.desc(), Run.run_id)
            .limit(sum(_PORTIONS))
        ).all()
        return Keys(*(sorted(_keys(session, table, runs)) for table in (MetricSummary, Param, Tag)))


def rows_of(session: Session, runs: Sequence[Run], keys: Keys) -> list[Row]:
    ids = [run.id for run in runs]
    metrics = read_metrics(session, ids, keys.metrics)
    params, tags = (
        _texts(session, table, ids, wanted)
        for table, wanted in ((Param, keys.params), (Tag, keys.tags))
    )
    datasets = _datasets(session, ids)
    return [
        Row(
            run_id=run.run_id,
            run_name=run.name,
            user_id=run.user_id,
            status=RunStatus(run.status),
            state="CRASHED" if run.crashed else run.status,
            start_time=run.start_time,
            end_time=run.end_time,
            lifecycle_stage=LifecycleStage(run.lifecycle_stage),
            metrics=metrics.get(run.id, {}),
            params=params.get(run.id, {}),
            tags=tags.get(run.id, {}),
            datasets=datasets.get(run.id, ()),
        )
        for run in runs
    ]


def read_metrics(
    session: Session, runs: Sequence[int], keys: Sequence[str]
) -> dict[int, dict[str, Summary]]:
    table = MetricSummary
    columns = (table.last_value, table.first_value, table.min_value, table.max_value)
    found: dict[int, dict[str, Summary]] = {}
    if keys:
        for run, key, last, first, low, high in session.execute(
            select(table.run, table.key, *columns).where(table.run.in_(runs), table.key.in_(keys))
        ):
            summary = Summary(_number(last), _number(first), low, high)
            found.setdefault(run, {})[key] = summary
    return found


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _texts(
    session: Session, table: Any, runs: Sequence[int], keys: Sequence[str]
) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    if keys:
        for run, key, value in session.execute(
            select(table.run, table.key, table.value).where(
                table.run.in_(runs), table.key.in_(keys)
            )
        ):
            found.setdefault(run, {})[key] = value
    return found


def _datasets(session: Session, runs: Sequence[int]) -> dict[int, list[DatasetName]]:
    found: dict[int, list[DatasetName]] = {}
    for run, *name in session.execute(
        select(DatasetInput.run, Dataset.name, Dataset.digest)
        .join(Dataset, Dataset.id == DatasetInput.dataset)
        .where(DatasetInput.run.in_(runs))
        .order_by(DatasetInput.id)
    ):
        found.setdefault(run, []).append(DatasetName(*name))
    return found


def _common_keys(session: Session, runs: Sequence[int]) -> Keys:
    """From runs all over the page: how many keys each has, nobody knows."""
    sample = runs[:: max(1, -(-len(runs) // _SAMPLE))]
    return Keys(
        *(
            session.scalars(
                select(table.key)
                .where(table.run.in_(sample))
                .group_by(table.key)
                .order_by(func.count().desc(), table.key)
                .limit(_COMMON)
            ).all()
            for table in (MetricSummary, Param, Tag)
        )
    )


def _keys(session: Session, table: Any, runs: Sequence[int]) -> Counter[str]:
    """How many of the runs have each key, as far as was looked."""
    found: Counter[str] = Counter()
    first = 0
    for size in _PORTIONS:
        portion = runs[first : first + size]
        first += size
        if not portion or found.total() >= _ENOUGH:
            break
        counts = select(table.key, func.count()).where(table.run.in_(portion))
        for key, count in session.execute(counts.group_by(table.key)):
            found[key] += count
    return found
