"""What one run of this process has logged and the server has not acknowledged, in order.

Promises: :attr:`Spool.append` may be called by any thread, takes no lock and does no I/O; all else
is the sender's alone, except :attr:`Spool.waiting`, which anybody may read. Records come out as
parcels in the order they went in: a :class:`Change` is a barrier, and what lies between two of them
is packed together. A parcel stays until it is acknowledged and does not change once it was shown,
so sending it again sends the same bytes under the same sequence number.

This one keeps everything in memory.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from . import wire

MAX_POINTS = 50_000  # in a parcel: 1.2 MB before compression
MAX_ITEMS = 100  # params, and tags, in a request: MLflow's limit
MAX_BYTES = 256 * 1024 * 1024  # packed parcels waiting; ten million points and more


@dataclass(frozen=True, slots=True)
class Param:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Tag:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the run itself, as the JSON of ``runs/<verb>``."""

    verb: str
    body: Mapping[str, Any]
    points = 0
    size = 1000

    def split(self) -> Sequence[Parcel]:
        return ()


@dataclass(frozen=True, slots=True)
class Items:
    """Params and tags of one log-batch request."""

    params: tuple[Param, ...]
    tags: tuple[Tag, ...]
    points = 0

    @property
    def size(self) -> int:
        return sum(len(item.key) + len(item.value) for item in self.params + self.tags)

    def split(self) -> Sequence[Parcel]:
        """Two halves, so that one item the server refuses does not take the others with it."""
        items = self.params + self.tags
        half = len(items) // 2
        if half == 0:
            return ()
        cut = min(half, len(self.params))
        return (
            Items(self.params[:cut], self.tags[: half - cut]),
            Items(self.params[cut:], self.tags[half - cut :]),
        )


class Points:
    """A sealed batch of points."""

    def __init__(self, batch: wire.Batch, resequence: Callable[[], int]) -> None:
        self.batch = batch
        self.body = wire.encode(batch)
        self.points = batch.points
        self.size = len(self.body)
        self._resequence = resequence

    def split(self) -> Sequence[Parcel]:
        """Two halves under new numbers, for a server that found the whole too large."""
        series = self.batch.series
        if self.points < 2:
            return ()
        if len(series) > 1:
            half = len(series) // 2
            halves = (series[:half], series[half:])
        else:
            cut = 8 * (self.points // 2)
            (one,) = series
            columns = (one.steps, one.timestamps, one.values)
            halves = (
                (wire.Series(one.key, *(column[:cut] for column in columns)),),
                (wire.Series(one.key, *(column[cut:] for column in columns)),),
            )
        return [
            Points(wire.Batch(self.batch.writer, self._resequence(), half), self._resequence)
            for half in halves
        ]


Point: TypeAlias = tuple[str, int, int, float]  # key, step, timestamp (ms), value
Record: TypeAlias = Point | Param | Tag | Change
Parcel: TypeAlias = Points | Items | Change


class Spool:
    def __init__(self) -> None:
        self._records: deque[Record] = deque()
        self.append: Callable[[Record], None] = self._records.append
        self._open = _Columns()
        self._params: dict[str, Param] = {}
        self._tags: dict[str, Tag] = {}
        self._sealed: deque[Parcel] = deque()
        self._sealed_bytes = 0
        self._writer = os.urandom(16)
        self._sequence = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many records and parcels wait; 0 only when everything was acknowledged."""
        items = len(self._params) + len(self._tags)
        return len(self._records) + self._open.count + items + len(self._sealed)

    @property
    def waiting_points(self) -> int:
        """How many points wait. Counted while others write: exact only when nobody does."""
        fresh = sum(1 for record in tuple(self._records) if type(record) is tuple)
        return fresh + self._open.count + sum(parcel.points for parcel in tuple(self._sealed))

    def collect(self) -> None:
        """Move new records into columns, which take a sixth of the memory."""
        records = self._records
        while records:
            # Removed only after it is counted elsewhere, so `waiting` never misses it.
            record = records[0]
            if type(record) is tuple:
                if self._sealed_bytes < MAX_BYTES:
                    self._open.add(record)
                else:
                    self.dropped += 1
            elif isinstance(record, Param):
                self._params[record.key] = record
            elif isinstance(record, Tag):
                self._tags[record.key] = record
            elif isinstance(record, Change):
                self._seal()
                self._push(record)
            records.popleft()
            if self._open.count >= MAX_POINTS or len(self._tags) + len(self._params) >= MAX_ITEMS:
                self._seal()

    def seal(self) -> None:
        """Make parcels of all there is, full or not."""
        self.collect()
        self._seal()

    def peek(self) -> Parcel | None:
        """The sealed parcel to send next."""
        return self._sealed[0] if self._sealed else None

    def acknowledge(self) -> None:
        """The parcel shown last is on the server, or never will be."""
        self._sealed_bytes -= self._sealed.popleft().size

    def replace(self, parcels: Sequence[Parcel]) -> None:
        """Put these in the place of the parcel shown last."""
        for parcel in reversed(parcels):
            self._sealed.insert(1, parcel)
            self._sealed_bytes += parcel.size
        self.acknowledge()

    def _push(self, parcel: Parcel) -> None:
        self._sealed.append(parcel)
        self._sealed_bytes += parcel.size

    def _seal(self) -> None:
        if self._params or self._tags:
            self._push(Items(tuple(self._params.values()), tuple(self._tags.values())))
            self._params, self._tags = {}, {}
        if self._open.count:
            batch = wire.Batch(self._writer, self._next_sequence(), self._open.series())
            self._push(Points(batch, self._next_sequence))
            self._open = _Columns()

    def _next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence


class _Columns:
    def __init__(self) -> None:
        self.count = 0
        self._columns: dict[str, tuple[array[int], array[int], array[float]]] = {}

    def add(self, point: Point) -> None:
        key, step, timestamp, value = point
        columns = self._columns.get(key)
        if columns is None:
            columns = self._columns[key] = (array("q"), array("q"), array("d"))
        columns[0].append(step)
        columns[1].append(timestamp)
        columns[2].append(value)
        self.count += 1

    def series(self) -> tuple[wire.Series, ...]:
        if sys.byteorder == "big":
            for columns in self._columns.values():
                for column in columns:
                    column.byteswap()
        return tuple(
            wire.Series(key, *(column.tobytes() for column in columns))
            for key, columns in self._columns.items()
        )
