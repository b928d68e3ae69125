"""All the points of a run, out of one database and into another: for exports and imports.

Promise: what :func:`series` gives, stored with :func:`store` in the same order, gives the same
again, bit for bit, whichever of the two databases has compacted it, and the same summaries.
Memory does not grow with the number of points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from podium.client import wire
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from . import blocks
from .append import summarise
from .columns import Columns
from .compact import block_row, joined
from .table import PointTable
from .tables import MetricBatch, MetricBlock, MetricSummary, MetricWriter

# Of points that are in no block yet: about 100 MB of them are held at once.
MAX_HELD = 4_000_000


def series(session: Session, run: int) -> Iterator[tuple[str, Iterator[Columns]]]:
    """Each key by code point and its points in pieces, in the order they arrived.

    The session must see one state throughout. Take a key's pieces before the next key.
    """
    for keys in _in_groups(_uncompacted(session, run)):
        fresh: dict[str, list[Columns]] = {}
        if len(keys) > 1:
            for key, piece in _fresh(session, run, set(keys)):
                fresh.setdefault(key, []).append(piece)
        for key in keys:
            held = fresh.pop(key, ()) if len(keys) > 1 else None
            yield key, _pieces(session, run, key, held)


def writers(session: Session, run: int) -> list[tuple[bytes, int, int]]:
    """Numbers (writer, first, last) of the batches that are stored, in blocks or as they came."""
    known: dict[bytes, list[tuple[int, int]]] = {}
    ranges = select(MetricWriter.writer, MetricWriter.first, MetricWriter.last)
    for writer, first, last in session.execute(ranges.where(MetricWriter.run == run)):
        known.setdefault(writer, []).append((first, last))
    batches = select(MetricBatch.writer, MetricBatch.sequence).where(
        MetricBatch.run == run, MetricBatch.writer.is_not(None)
    )
    for named, sequence in session.execute(batches):
        if named is not None and sequence is not None:
            known.setdefault(named, []).append((sequence, sequence))
    return [
        (writer, first, last)
        for writer, ranges_ in sorted(known.items())
        for first, last in joined(ranges_)
    ]


def store(session: Session, run: int, key: str, pieces: Iterable[Columns]) -> int:
    """Add one series, in full blocks; how many points it has."""
    total = 0
    for points in _regrouped(pieces, blocks.MAX_POINTS):
        session.execute(insert(MetricBlock), [block_row(run, key, points)])
        summarise(session, run, PointTable((key,), np.zeros(len(points), np.intp), points))
        total += len(points)
    return total


def _uncompacted(session: Session, run: int) -> dict[str, int]:
    """Of every key of the run, by code point, how many points are in no block yet."""
    counted = select(MetricSummary.key, MetricSummary.points).where(MetricSummary.run == run)
    left = {row.key: row.points for row in session.execute(counted)}
    in_blocks = (
        select(MetricBlock.key, func.sum(MetricBlock.points))
        .where(MetricBlock.run == run)
        .group_by(MetricBlock.key)
    )
    for key, points in session.execute(in_blocks):
        left[key] -= int(points)
    return {key: left[key] for key in sorted(left)}


def _in_groups(uncompacted: dict[str, int]) -> Iterator[Sequence[str]]:
    """Keys whose uncompacted points fit in memory together, or one key alone."""
    group: list[str] = []
    held = 0
    for key, points in uncompacted.items():
        if group and held + points > MAX_HELD:
            yield group
            group, held = [], 0
        group.append(key)
        held += points
    if group:
        yield group


def _pieces(
    session: Session, run: int, key: str, held: Iterable[Columns] | None
) -> Iterator[Columns]:
    stored = select(MetricBlock.data).where(MetricBlock.run == run, MetricBlock.key == key)
    rows = session.scalars(stored.order_by(MetricBlock.id).execution_options(yield_per=16))
    for block in rows:
        yield blocks.decode(block)
    if held is None:
        held = (piece for _, piece in _fresh(session, run, {key}))
    yield from held


def _fresh(session: Session, run: int, keys: set[str]) -> Iterator[tuple[str, Columns]]:
    stored = select(MetricBatch.data).where(MetricBatch.run == run)
    rows = session.scalars(stored.order_by(MetricBatch.id).execution_options(yield_per=64))
    for data in rows:
        for part in wire.decode(data).series:
            if part.key in keys:
                yield part.key, Columns.of(part)


def _regrouped(pieces: Iterable[Columns], size: int) -> Iterator[Columns]:
    """The same points in pieces of ``size``, and the last one of what is left."""
    held: list[Columns] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= size:
            whole = Columns.join(held)
            full = count - count % size
            for start in range(0, full, size):
                yield whole.take(slice(start, start + size))
            held, count = [whole.take(slice(full, count))], count % size
    if count:
        yield Columns.join(held)
