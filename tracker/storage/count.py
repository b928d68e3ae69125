"""Counting what is stored: one walk over the store, and one over the points, by one worker.

Nothing is counted where something is logged or uploaded, so nothing there waits. A count is as old
as it says; uploads under a quota are added to it until the next one (``quotas``). Memory grows with
the number of runs, some two hundred bytes each, and not with that of files or points.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from ..artifacts.base import ArtifactStore
from ..clock import now_ms
from ..db import Database
from ..db import insert as upsert
from ..logged_models.tables import LoggedModel
from ..metrics.tables import MetricBatch, MetricBlock
from ..models import Run
from . import chores
from .places import MODEL, RUN, owner_of
from .tables import Promise, StorageTotal, StoredOfModel, StoredOfRun

EVERY_MS = 3_600_000
ALL, OTHER, EXPERIMENT, USER = "all", "other", "experiment", "user"

_CHORE = "count what is stored"
_RUNS_A_QUERY = 500
_ROWS_A_STATEMENT = 500
# An upload may be let in, and be under way for a while, before a walk passes its place.
_UNDER_WAY_MS = 3_600_000

Item = TypeVar("Item")
Amounts = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """What the last count found of an experiment or a user.

    ``name`` is an experiment's id or a user's; ``point_bytes`` are those of points of metrics in
    the database; ``counted`` is when, in milliseconds since 1970.
    """

    name: str
    files: int
    file_bytes: int
    point_bytes: int
    counted: int

    @property
    def bytes(self) -> int:
        return self.file_bytes + self.point_bytes


def count_when_due(db: Database, store: ArtifactStore) -> int:
    """Count, if nobody has within the hour; how many runs and models hold something."""
    claimed = chores.claim(db, _CHORE, every=EVERY_MS)
    if claimed is None:
        return 0
    counted = False
    try:
        found = count(db, store)
        counted = True
    finally:
        chores.finish(db, _CHORE, claimed, done=counted)
    return found


def count(db: Database, store: ArtifactStore) -> int:
    """Count everything now."""
    began = now_ms()
    files: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for file in store.walk():
        owner = owner_of(file.key)
        entry = files[OTHER, ""] if owner is None else files[owner.kind, owner.id]
        entry[0] += 1
        entry[1] += file.size
    totals = _Totals(began)
    held = _count_runs(db, files, totals) + _count_models(db, files, totals)
    for found in files.values():  # what is left is nobody's that is in the database
        totals.add(OTHER, "", found[0], found[1], 0)
    with db.writing() as session:
        session.execute(delete(StorageTotal))
        for chunk in _chunks(totals.rows()):
            session.execute(insert(StorageTotal), chunk)
        session.execute(delete(Promise).where(Promise.at < began - _UNDER_WAY_MS))
    return held


def totals(db: Database, kind: str, *, limit: int = 1000) -> list[Total]:
    """Those of this kind, the largest first."""
    table = StorageTotal
    size = table.file_bytes + table.point_bytes
    with db.reading() as session:
        rows = session.execute(
            select(table.name, table.files, table.file_bytes, table.point_bytes, table.counted)
            .where(table.kind == kind)
            .order_by(size.desc(), table.name)
            .limit(limit)
        )
        return [Total(*row) for row in rows]


def total(db: Database, kind: str, name: str) -> Total:
    """One of them; zero when the last count found nothing."""
    table = StorageTotal
    with db.reading() as session:
        row = session.get(table, (kind, name))
        if row is None:
            return Total(name, 0, 0, 0, 0)
        return Total(name, row.files, row.file_bytes, row.point_bytes, row.counted)


class _Totals:
    def __init__(self, counted: int) -> None:
        self._counted = counted
        self._sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def add(self, kind: str, name: str, files: int, file_bytes: int, point_bytes: int) -> None:
        for key in ((ALL, ""), (kind, name)):
            self._sums[key].update(files=files, file_bytes=file_bytes, point_bytes=point_bytes)

    def also(self, kind: str, name: str, files: int, file_bytes: int, point_bytes: int) -> None:
        """The same in another sum, which is no part of all."""
        sums = self._sums[kind, name]
        sums.update(files=files, file_bytes=file_bytes, point_bytes=point_bytes)

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                "kind": kind,
                "name": name,
                **{each: sums[each] for each in ("files", "file_bytes", "point_bytes")},
                "counted": self._counted,
            }
            for (kind, name), sums in self._sums.items()
        ]


def _count_runs(db: Database, files: dict[tuple[str, str], list[int]], totals: _Totals) -> int:
    held = after = 0
    while True:
        with db.reading() as session:
            runs = session.execute(
                select(Run.id, Run.run_id, Run.experiment_id, Run.user_id)
                .where(Run.id > after)
                .order_by(Run.id)
                .limit(_RUNS_A_QUERY)
            ).all()
            if not runs:
                return held
            ids = [run.id for run in runs]
            columns = (
                StoredOfRun.files,
                StoredOfRun.file_bytes,
                StoredOfRun.point_bytes,
                StoredOfRun.newest_block,
            )
            before = _before(session, StoredOfRun.run, columns, ids)
            newest = _newest_blocks(session, ids)
            points = _points_of(session, ids, before, newest)
        after = ids[-1]
        new = {}
        for run in runs:
            count, size = files.pop((RUN, run.run_id), (0, 0))
            new[run.id] = (count, size, points[run.id], newest.get(run.id))
            totals.add(EXPERIMENT, str(run.experiment_id), count, size, points[run.id])
            totals.also(USER, run.user_id[:500], count, size, points[run.id])
        held += _store(db, StoredOfRun, before, new)


def _count_models(db: Database, files: dict[tuple[str, str], list[int]], totals: _Totals) -> int:
    held = after = 0
    while True:
        with db.reading() as session:
            models = session.execute(
                select(LoggedModel.id, LoggedModel.model_id, LoggedModel.experiment_id, Run.user_id)
                .outerjoin(Run, Run.run_id == LoggedModel.source_run_id)
                .where(LoggedModel.id > after)
                .order_by(LoggedModel.id)
                .limit(_RUNS_A_QUERY)
            ).all()
            if not models:
                return held
            ids = [model.id for model in models]
            columns = (StoredOfModel.files, StoredOfModel.file_bytes)
            before = _before(session, StoredOfModel.model, columns, ids)
        after = ids[-1]
        new = {}
        for model in models:
            count, size = files.pop((MODEL, model.model_id), (0, 0))
            new[model.id] = (count, size)
            totals.add(EXPERIMENT, str(model.experiment_id), count, size, 0)
            if model.user_id is not None:
                totals.also(USER, model.user_id[:500], count, size, 0)
        held += _store(db, StoredOfModel, before, new)


def _newest_blocks(session: Session, runs: Sequence[int]) -> dict[int, int]:
    """By run, of those that have any. It reads an index, and none of the blocks."""
    newest = select(MetricBlock.run, func.max(MetricBlock.id)).where(MetricBlock.run.in_(runs))
    return {row[0]: row[1] for row in session.execute(newest.group_by(MetricBlock.run))}


def _points_of(
    session: Session,
    runs: Sequence[int],
    before: Mapping[int, Amounts],
    newest: Mapping[int, int],
) -> Counter[int]:
    """Bytes of batches and blocks by run; where neither is new, what was counted before."""
    batches = _sizes(session, MetricBatch, runs)
    found: Counter[int] = Counter(batches)
    changed = []
    for run in runs:
        *_, counted, block = before.get(run, (0, None))
        # Batches go only to become blocks, which then are newer.
        if run in batches or counted is None or block is None or block != newest.get(run):
            changed.append(run)
        else:
            found[run] = counted
    found.update(_sizes(session, MetricBlock, changed))
    return found


def _sizes(
    session: Session, table: type[MetricBlock] | type[MetricBatch], runs: Sequence[int]
) -> dict[int, int]:
    sizes = (
        select(table.run, func.sum(func.length(table.data)))
        .where(table.run.in_(runs))
        .group_by(table.run)
    )
    return {run: int(size) for run, size in session.execute(sizes)}


def _before(
    session: Session, key: Any, columns: Sequence[Any], ids: Sequence[int]
) -> dict[int, Amounts]:
    rows = session.execute(select(key, *columns).where(key.in_(ids)))
    return {row[0]: tuple(row[1:]) for row in rows}


def _store(
    db: Database,
    table: type[StoredOfRun] | type[StoredOfModel],
    before: Mapping[int, Amounts],
    new: Mapping[int, Amounts],
) -> int:
    """Write what has changed; a thing that is gone meanwhile is left out. How many hold something.

    Who purges a run deletes its row here with it, so the row may only be made while the run is.
    """
    changed = {id_: amounts for id_, amounts in new.items() if before.get(id_) != amounts}
    names = [column.name for column in table.__table__.columns]
    owner = Run if table is StoredOfRun else LoggedModel
    if changed:
        with db.writing() as session:
            there = session.scalars(
                select(owner.id)
                .where(owner.id.in_(changed))
                .order_by(owner.id)
                .with_for_update(read=True, key_share=True)
            ).all()
            rows = [dict(zip(names, (id_, *changed[id_]), strict=True)) for id_ in there]
            if rows:
                row = upsert(session, table)
                update = {name: row.excluded[name] for name in names[1:]}
                on = row.on_conflict_do_update(index_elements=names[:1], set_=update)
                session.connection().execute(on, rows)
    return sum(1 for amounts in new.values() if any(amounts))


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), _ROWS_A_STATEMENT):
        yield items[start : start + _ROWS_A_STATEMENT]
