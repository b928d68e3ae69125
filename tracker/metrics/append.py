"""Storing points: one row a batch, one summary row a key, in the caller's transaction.

Promise: when the transaction commits, the points are in the batch table and counted in the
summaries; a batch that was stored before (same run, writer and sequence) changes nothing.
Summary rows are written in the order of their keys, so two writers to a run cannot deadlock.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from podium.client import wire
from podium.client.entities import Metric
from podium.client.errors import BadRequest
from podium.client.rules import check_int64, check_key, check_timestamp
from sqlalchemy import ColumnElement, and_, case, func, select, tuple_
from sqlalchemy.orm import Session

from ..clock import now_ms
from ..db import insert
from ..models import MetricBatch, MetricSummary, MetricWriter

_NO_WRITER = bytes(16)
_UINT64_TO_INT64 = 2**63
# A statement may carry 32,766 bound values in SQLite; a summary row has eleven.
_ROWS_A_STATEMENT = 500


def append_points(session: Session, run: int, points: Sequence[Metric]) -> None:
    """Store points that came one by one or as JSON, through MLflow's paths."""
    columns: dict[str, tuple[array[int], array[int], array[float]]] = {}
    for index, point in enumerate(points):
        if point.key not in columns:
            check_key(point.key, f"metrics[{index}].key", kind="metric")
            columns[point.key] = (array("q"), array("q"), array("d"))
        steps, timestamps, values = columns[point.key]
        steps.append(check_int64(point.step, f"metrics[{index}].step"))
        timestamps.append(check_timestamp(point.timestamp, f"metrics[{index}].timestamp"))
        values.append(point.value)
    if columns:
        series = tuple(
            wire.Series(
                key,
                np.asarray(steps, "<i8").tobytes(),
                np.asarray(timestamps, "<i8").tobytes(),
                np.asarray(values, "<f8").tobytes(),
            )
            for key, (steps, timestamps, values) in columns.items()
        )
        batch = wire.Batch(_NO_WRITER, 0, series)
        _store(session, run, batch, wire.encode(batch), named=False)


def append_batch(session: Session, run: int, data: bytes) -> tuple[int, bool]:
    """Store a batch sent by Podium's client; returns (points in it, whether it is new)."""
    batch = wire.decode(data)
    if batch.writer == _NO_WRITER:
        raise BadRequest("Points batch: the writer id at byte 8 must not be all zero.")
    for series in batch.series:
        check_key(series.key, "key", kind="metric")
        if len(series) == 0:
            raise BadRequest(f"Points batch: series {series.key!r} has no points; leave it out.")
        if int(np.frombuffer(series.timestamps, "<i8").min()) < 0:
            raise BadRequest(f"Points batch: series {series.key!r} has a timestamp before 1970.")
    return batch.points, _store(session, run, batch, data, named=True)


def _store(session: Session, run: int, batch: wire.Batch, data: bytes, *, named: bool) -> bool:
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
        points=batch.points,
        data=data,
    )
    stored = session.execute(row.on_conflict_do_nothing().returning(MetricBatch.id)).first()
    if stored is None:
        return False
    rows = [
        {"run": run, **summarise(series)} for series in sorted(batch.series, key=lambda s: s.key)
    ]
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        session.execute(_merge(session, rows[start : start + _ROWS_A_STATEMENT]))
    return True


def _is_in_a_block(session: Session, run: int, writer: bytes, sequence: int) -> bool:
    """Whether compaction has moved this batch; the caller's lock on the run keeps it from now."""
    known = select(MetricWriter.first).where(
        MetricWriter.run == run,
        MetricWriter.writer == writer,
        MetricWriter.first <= sequence,
        MetricWriter.last >= sequence,
    )
    return session.execute(known.limit(1)).first() is not None


def summarise(series: wire.Series) -> dict[str, Any]:
    """The summary row of these points alone, without its run."""
    steps = np.frombuffer(series.steps, "<i8")
    timestamps = np.frombuffer(series.timestamps, "<i8")
    values = np.frombuffer(series.values, "<f8")
    missing = np.isnan(values)
    ranks = np.where(missing, 0.0, values)
    order = np.lexsort((ranks, timestamps, steps))
    last = int(order[-1])
    first = int(np.lexsort((timestamps, steps))[0])
    present = values[~missing]
    return {
        "key": series.key,
        "last_value": _number(values[last]),
        "last_step": int(steps[last]),
        "last_timestamp": int(timestamps[last]),
        "first_value": _number(values[first]),
        "first_step": int(steps[first]),
        "first_timestamp": int(timestamps[first]),
        "min_value": float(present.min()) if present.size else None,
        "max_value": float(present.max()) if present.size else None,
        "points": len(values),
    }


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _merge(session: Session, rows: Sequence[Mapping[str, Any]]) -> Any:
    """INSERT … ON CONFLICT that merges summaries; the same text serves both databases."""
    statement = insert(session, MetricSummary).values(list(rows))
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
