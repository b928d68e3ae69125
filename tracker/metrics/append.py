"""Storing points: one row a batch, one summary row a key, in the caller's transaction.

Promise: when the transaction commits, the points are in the batch table and counted in the
summaries; a batch that was stored before (same run, writer and sequence) changes nothing.
Summary rows are written in the order of their keys, so two writers to a run cannot deadlock.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from podium.client import wire
from podium.client.errors import BadRequest
from podium.client.rules import check_key
from sqlalchemy import ColumnElement, and_, case, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..clock import now_ms
from ..db import insert
from .table import PointTable
from .tables import MetricBatch, MetricSummary, MetricWriter

_NO_WRITER = bytes(16)
_UINT64_TO_INT64 = 2**63


def append_points(session: Session, run: int, points: PointTable) -> None:
    """Store points that came through MLflow's paths, and were checked."""
    if len(points):
        batch = wire.Batch(_NO_WRITER, 0, points.series())
        # Not compressed here: compaction does it better, and nobody waits for it.
        _store(session, run, batch, wire.encode(batch, compress=False), points, named=False)


def append_batch(session: Session, run: int, data: bytes) -> tuple[int, bool]:
    """Store a batch sent by Podium's client; returns (points in it, whether it is new)."""
    batch = wire.decode(data)
    if batch.writer == _NO_WRITER:
        raise BadRequest("Points batch: the writer id at byte 8 must not be all zero.")
    points = PointTable.of_series(batch.series)
    for series in batch.series:
        check_key(series.key, "key", kind="metric")
        if len(series) == 0:
            raise BadRequest(f"Points batch: series {series.key!r} has no points; leave it out.")
    early = points.columns.timestamps < 0
    if early.any():
        key = points.names[points.codes[early.argmax()]]
        raise BadRequest(f"Points batch: series {key!r} has a timestamp before 1970.")
    return batch.points, _store(session, run, batch, data, points, named=True)


def _store(
    session: Session, run: int, batch: wire.Batch, data: bytes, points: PointTable, *, named: bool
) -> bool:
    if not batch.series:
        return False
    # The column is signed, the sequence is not; the mapping only has to be one to one.
    sequence = batch.sequence - _UINT64_TO_INT64
    if named and _is_in_a_block(session, run, batch.writer, sequence):
        return False
    row = insert(session, MetricBatch).values(
        run=run,
        writer=batch.writer if named else None,
        sequence=sequence if named else None,
        received=now_ms(),
        points=len(points),
        data=data,
    )
    stored = session.execute(row.on_conflict_do_nothing().returning(MetricBatch.id)).first()
    if stored is None:
        return False
    summarise(session, run, points)
    return True


def summarise(session: Session, run: int, points: PointTable) -> None:
    """Count these points, which arrived after all that were counted before, in the summaries."""
    rows = [{"run": run, **each} for each in points.summaries()]
    rows.sort(key=lambda each: str(each["key"]))
    connection = session.connection()
    connection.execute(_merge(connection.dialect.name), rows)


def _is_in_a_block(session: Session, run: int, writer: bytes, sequence: int) -> bool:
    """Whether compaction has moved this batch; the caller's lock on the run keeps it from now."""
    known = select(MetricWriter.first).where(
        MetricWriter.run == run,
        MetricWriter.writer == writer,
        MetricWriter.first <= sequence,
        MetricWriter.last >= sequence,
    )
    return session.execute(known.limit(1)).first() is not None


@cache
def _merge(dialect: str) -> Any:
    """INSERT … ON CONFLICT that merges summaries; the same text serves both databases."""
    statement: Any = (sqlite if dialect == "sqlite" else postgresql).insert(MetricSummary.__table__)
    old, new = MetricSummary, statement.excluded
    later = tuple_(new.last_step, new.last_timestamp, func.coalesce(new.last_value, 0.0)) >= tuple_(
        old.last_step, old.last_timestamp, func.coalesce(old.last_value, 0.0)
    )
    earlier = tuple_(new.first_step, new.first_timestamp) < tuple_(
        old.first_step, old.first_timestamp
    )
    merged: dict[str, ColumnElement[Any]] = {
        name: case((rule, new[name]), else_=getattr(old, name))
        for rule, names in (
            (later, ("last_value", "last_step", "last_timestamp")),
            (earlier, ("first_value", "first_step", "first_timestamp")),
            (_better(new.min_value, old.min_value, less=True), ("min_value",)),
            (_better(new.max_value, old.max_value, less=False), ("max_value",)),
        )
        for name in names
    }
    merged["points"] = old.points + new.points
    return statement.on_conflict_do_update(index_elements=["run", "key"], set_=merged)


def _better(new: Any, old: Any, *, less: bool) -> ColumnElement[bool]:
    """Whether ``new`` replaces ``old``, where NULL is "no number yet" and never better."""
    wins = new < old if less else new > old
    return and_(new.is_not(None), (old.is_(None)) | wins)
