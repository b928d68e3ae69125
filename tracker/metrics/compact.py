"""Compaction: batches, many keys each and as they came, become blocks, one key each and large.

Promises: at every moment a reader finds each point once, in a batch or in a block; a batch that is
sent again after its points went into blocks is still known. Any number of workers may compact the
same run: each batch is moved by one. What is read and compressed is done before the lock is
taken, so logging to the run waits for a few inserts and deletes at most.

Blocks grow as in a log-structured merge tree: a new block swallows the ones before it while they
are not much larger than it, so each point is rewritten a logarithmic number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from podium.client import wire
from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session

from ..clock import now_ms
from ..db import Database
from ..models import Run
from . import blocks
from .columns import Columns
from .tables import MetricBatch, MetricBlock, MetricWriter

ENOUGH_BATCHES = 64
ENOUGH_POINTS = 65_536
# A run that logs no more, or seldom, is compacted after so long.
OLD_MS = 300_000
# Of one turn: about 25 MB of points before they are compressed.
MAX_BATCHES, MAX_POINTS = 1024, 1_000_000
_ROWS_A_STATEMENT = 500

Step = Callable[[str], None]
Item = TypeVar("Item")


def compact(db: Database) -> int:
    """Compact every run that has enough to be worth it; how many batches became blocks."""
    total = 0
    for run in _due(db):
        while moved := compact_run(db, run):
            total += moved
    return total


def compact_run(db: Database, run: int, *, step: Step = lambda _name: None) -> int:
    """Move this run's oldest batches to blocks; how many, 0 when there are none (left).

    ``step`` is told what is about to be done, for tests that end the process there.
    """
    with db.reading() as session:
        batches = _oldest(session, run)
        points = _by_key(batches)
        fresh = [
            _merged(session, run, key, pieces, heads)
            for keys in _chunks(sorted(points))
            for heads in [_heads(session, run, keys)]
            for key, pieces in ((key, points[key]) for key in keys)
        ]
    if not batches:
        return 0
    rows = [row for merged in fresh for row in merged.rows]
    replaced = [block for merged in fresh for block in merged.replaced]
    step("before the transaction")
    with db.writing() as session:
        # Waits for those who log to this run now, and lets the next ones wait.
        session.scalar(select(Run.id).where(Run.id == run).with_for_update(key_share=True))
        gone = _delete(session, MetricBatch, [batch.id for batch in batches])
        step("batches deleted")
        gone_blocks = _delete(session, MetricBlock, replaced)
        if gone != len(batches) or gone_blocks != len(replaced):
            session.rollback()  # another worker was faster
            return 0
        step("blocks deleted")
        for chunk in _chunks(rows):
            session.execute(insert(MetricBlock), chunk)
        step("blocks inserted")
        _remember(session, run, batches)
        step("writers remembered")
    step("after the transaction")
    return len(batches)


@dataclass(frozen=True, slots=True)
class _Batch:
    id: int
    writer: bytes | None
    sequence: int | None
    points: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Merged:
    rows: list[dict[str, object]]
    replaced: list[int]


def _due(db: Database) -> list[int]:
    enough = or_(
        func.count() >= ENOUGH_BATCHES,
        func.sum(MetricBatch.points) >= ENOUGH_POINTS,
        func.min(MetricBatch.received) <= now_ms() - OLD_MS,
    )
    with db.reading() as session:
        runs = select(MetricBatch.run).group_by(MetricBatch.run).having(enough)
        return list(session.scalars(runs))


def _oldest(session: Session, run: int) -> list[_Batch]:
    rows = session.execute(
        select(
            MetricBatch.id,
            MetricBatch.writer,
            MetricBatch.sequence,
            MetricBatch.points,
            MetricBatch.data,
        )
        .where(MetricBatch.run == run)
        .order_by(MetricBatch.id)
        .limit(MAX_BATCHES)
        .execution_options(yield_per=64)
    )
    found: list[_Batch] = []
    points = 0
    for row in rows:
        found.append(_Batch(*row))
        points += found[-1].points
        if points >= MAX_POINTS:
            break
    rows.close()
    return found


def _by_key(batches: Iterable[_Batch]) -> dict[str, list[Columns]]:
    found: dict[str, list[Columns]] = {}
    for batch in batches:
        for series in wire.decode(batch.data).series:
            found.setdefault(series.key, []).append(Columns.of(series))
    return found


def _heads(session: Session, run: int, keys: Sequence[str]) -> dict[str, list[tuple[int, int]]]:
    """Of each key the blocks that are not full, as (id, points), the newest first."""
    found: dict[str, list[tuple[int, int]]] = {}
    for key, block, points in session.execute(
        select(MetricBlock.key, MetricBlock.id, MetricBlock.points)
        .where(MetricBlock.run == run, MetricBlock.key.in_(keys))
        .order_by(MetricBlock.id.desc())
    ):
        found.setdefault(key, []).append((block, points))
    return found


def _merged(
    session: Session,
    run: int,
    key: str,
    pieces: list[Columns],
    heads: Mapping[str, list[tuple[int, int]]],
) -> _Merged:
    size = sum(len(piece) for piece in pieces)
    replaced: list[int] = []
    for block, points in heads.get(key, ()):
        if points > 2 * size or points + size > blocks.MAX_POINTS:
            break
        replaced.append(block)
        size += points
    if replaced:
        stored = select(MetricBlock.data).where(MetricBlock.id.in_(replaced))
        before = session.scalars(stored.order_by(MetricBlock.id))
        pieces = [blocks.decode(*before), *pieces]
    whole = Columns.join(pieces)
    rows = [
        block_row(run, key, whole.take(slice(start, start + blocks.MAX_POINTS)))
        for start in range(0, len(whole), blocks.MAX_POINTS)
    ]
    return _Merged(rows, replaced)


def block_row(run: int, key: str, points: Columns) -> dict[str, object]:
    """The row of ``metric_blocks`` that holds these points, one at least."""
    return {
        "run": run,
        "key": key,
        "points": len(points),
        "min_step": int(points.steps.min()),
        "max_step": int(points.steps.max()),
        "min_timestamp": int(points.timestamps.min()),
        "max_timestamp": int(points.timestamps.max()),
        "data": blocks.encode(points),
    }


def _delete(
    session: Session, table: type[MetricBatch] | type[MetricBlock], ids: Sequence[int]
) -> int:
    gone = 0
    for chunk in _chunks(ids):
        statement = delete(table).where(table.id.in_(chunk)).returning(table.id)
        gone += len(session.execute(statement).all())
    return gone


def _remember(session: Session, run: int, batches: Iterable[_Batch]) -> None:
    """Which numbers of which writers were stored, as ranges: a writer has few, mostly one."""
    numbers: dict[bytes, list[tuple[int, int]]] = {}
    for batch in batches:
        if batch.writer is not None and batch.sequence is not None:
            numbers.setdefault(batch.writer, []).append((batch.sequence, batch.sequence))
    for writer, found in sorted(numbers.items()):
        known = delete(MetricWriter).where(MetricWriter.run == run, MetricWriter.writer == writer)
        before = session.execute(known.returning(MetricWriter.first, MetricWriter.last))
        ranges = joined([*((first, last) for first, last in before), *found])
        rows = [
            {"run": run, "writer": writer, "first": first, "last": last} for first, last in ranges
        ]
        session.execute(insert(MetricWriter), rows)


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in as few ranges as there can be, in order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _chunks(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    for start in range(0, len(items), _ROWS_A_STATEMENT):
        yield items[start : start + _ROWS_A_STATEMENT]
