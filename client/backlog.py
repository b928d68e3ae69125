"""What one run of a process has logged and the server has not acknowledged, in order: read.

All is the sender's alone, except :attr:`Backlog.waiting` and :attr:`Backlog.waiting_points`, which
anybody may read.

What was logged comes out as parcels in its order: a :class:`Change` is a barrier, and what lies
between two of them in one segment is packed together. A parcel stays until it is acknowledged, and
is the same whenever it is sent again, by this process or, after its death, by another.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from . import wire
from .journal import VERSION, Journal, Root
from .parcels import Change, Items, Param, Parcel, Points, Record, Tag
from .segments import ENTRY, SLOT, Content, Stored

MAX_ITEMS = 100  # params, and tags, in a request: MLflow's limit
_HOLE_SECONDS = 1.0
_KINDS: dict[str, Callable[..., Record]] = {"param": Param, "tag": Tag, "change": Change}


class Backlog:
    def __init__(
        self,
        run_id: str,
        writer: bytes,
        root: Root | None,
        *,
        server: str | None,
        warn: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self.run_id, self.server = run_id, server
        self.dropped = 0
        self._torn = 0
        self._root, self._warn = root, warn
        self._journal: Journal | None = None
        self._names: dict[int, str] = {}
        self._entries: dict[int, Record] = {}
        self._overflow: deque[Record] = deque()  # entries for which no segment had room
        self._begin_empty(writer)

    def _begin_empty(self, writer: bytes) -> None:
        self._writer = writer
        self._sequence = 0
        self._number = 0  # of the newest segment
        self._written = 0  # the number of the one that is being written; 0: none
        self._stored: dict[int, Stored] = {}  # all there are
        self._queue: deque[Stored] = deque()  # those not read to their end
        self._passed = 0  # the number of the last that was
        self._at = 0  # the slot of the first in the queue to be read next
        self._until = 0  # where it will be when what is sealed was acknowledged
        self._limit = 0  # the segment to which peek may go
        self._reading = 0
        self._late: list[tuple[Stored, int]] = []  # slots that were holes when they were passed
        self._hole = (0, 0, 0.0)
        self._sealed: deque[Parcel] = deque()
        self._read: list[int] = []  # the entries of what is sealed
        self._unsaved = False  # whether the cursor on disk lags behind

    @property
    def waiting(self) -> bool:
        """Whether anything was not acknowledged."""
        if self._sealed or self._overflow:
            return True
        if any(stored.open().is_filled(index) for stored, index in tuple(self._late)):
            return True
        queue, at = tuple(self._queue), self._at
        if queue and at >= queue[0].slots:
            queue, at = queue[1:], 0
        # Behind the first there is another only once all slots of the first were taken.
        return len(queue) > 1 or any(
            stored.open().next_filled(at) < stored.slots for stored in queue
        )

    @property
    def waiting_points(self) -> int:
        """How many points wait. Counted while others write: exact only when nobody does."""
        at, found = self._at, 0
        for stored in tuple(self._queue):
            found += stored.open().points_from(at)
            if stored.number not in (self._written, self._reading):
                stored.unmap()
            at = 0
        return found

    @property
    def torn(self) -> int:
        """How many records the death of the writer has cut off, of those read so far."""
        return self._torn + sum(stored.torn for stored in tuple(self._stored.values()))

    @property
    def path(self) -> Path | None:
        """Where it is on disk, if it is."""
        return self._journal.path if self._journal is not None else None

    @property
    def much(self) -> bool:
        """Whether so much waits that it should not wait longer."""
        return len(self._queue) > 1 or bool(self._sealed)

    def seal(self) -> None:
        """Let :meth:`peek` show what was logged up to now, and at most a segment more."""
        self._limit = self._number

    def peek(self) -> Parcel | None:
        """The parcel to send next."""
        while not self._sealed:
            if not (self._read_on() or self._read_late() or self._read_overflow()):
                if self._unsaved:  # lest another process send again what is there
                    self._save_cursor()
                return None
        return self._sealed[0]

    def acknowledge(self) -> None:
        """The parcel shown last is on the server, or never will be."""
        self._sealed.popleft()
        if not self._sealed:
            for number in self._read:
                self._entries.pop(number, None)
            self._at, self._read = self._until, []
            self._tidy()
            self._unsaved = True

    def replace(self, parcels: Sequence[Parcel]) -> None:
        """Put these in the place of the parcel shown last."""
        self._sealed.popleft()
        self._sealed.extendleft(reversed(parcels))

    def add(self, record: Record) -> None:
        """Something to be sent behind all else, which is lost with the process."""
        self._overflow.append(record)

    def remove(self) -> None:
        """Leave nothing on disk, when nothing waits."""
        journal, self._journal = self._journal, None
        if self._root is not None:
            on_disk = [each.size for each in self._stored.values() if each.path is not None]
            self._root.give_back(sum(on_disk))
        self._begin_empty(self._writer)
        if journal is not None:
            journal.remove()

    def release(self) -> None:
        """Leave it to another process: for one that was taken over, and is not to be sent now."""
        if self._journal is not None:
            self._journal.release()
            self._journal = None

    def _read_on(self) -> bool:
        """Seal what comes next; False when that is nothing."""
        while self._queue and self._queue[0].number <= self._limit:
            stored, at = self._queue[0], self._at
            self._reading = stored.number
            content = stored.open()
            stop = content.filled_until(at)
            if stop > at:
                self._seal(stored, content, at, stop)
                if self._sealed:
                    return True
            elif at == stored.slots:
                self._queue.popleft()
                self._passed = stored.number
                self._at = self._until = 0
                self._tidy()
            elif stored.dead:
                self._at = self._until = content.next_filled(at)
            elif self._may_pass(stored, content, at):
                self._late.append((stored, at))
                self._at = self._until = at + 1
            else:
                return False
        return False

    def _may_pass(self, stored: Stored, content: Content, at: int) -> bool:
        """Whether an empty slot is a hole that a thread has left behind for good, or for long."""
        if stored.number == self._written and content.next_filled(at) == stored.slots:
            return False  # nothing was written there yet
        now = time.monotonic()
        if self._hole[:2] != (stored.number, at):
            self._hole = (stored.number, at, now)
        return now - self._hole[2] >= _HOLE_SECONDS

    def _read_late(self) -> bool:
        for stored, index in self._late:
            content = stored.open()
            if content.is_filled(index):
                self._late.remove((stored, index))
                self._seal(stored, content, index, index + 1, until=self._at)
                return bool(self._sealed)
        return False

    def _read_overflow(self) -> bool:
        if not self._overflow:
            return False
        record = self._overflow.popleft()
        self._sealed.extend([record] if isinstance(record, Change) else _items([record]))
        return True

    def _tidy(self) -> None:
        """Remove segments of which everything was acknowledged."""
        late = {stored.number for stored, _ in self._late}  # somebody may still write there
        # Not those that are not in the queue: one that is just being made is not there yet.
        for number in [each for each in tuple(self._stored) if each <= self._passed]:
            if number in late:
                continue
            stored = self._stored.pop(number)
            self._torn += stored.torn
            stored.discard()
            if self._root is not None and stored.path is not None:
                self._root.give_back(stored.size)

    def _seal(
        self, stored: Stored, content: Content, start: int, stop: int, until: int | None = None
    ) -> None:
        """Make parcels of these slots, up to the first change."""
        numbers: list[int] = []
        items: list[Record] = []
        keys = content.keys(start, stop)
        for index in [at for at, key in enumerate(keys) if key == ENTRY] if ENTRY in keys else ():
            [number] = content.steps(start + index, start + index + 1)
            record = self._entries.get(number)
            if isinstance(record, Change):
                if index == 0:
                    self._sealed.append(record)
                    numbers.append(number)
                stop = start + max(index, 1)
                break
            numbers.append(number)
            if record is not None:  # else its text was lost with a full disk
                items.append(record)
        self._until = stop if until is None else until
        self._read = numbers
        self._sealed.extend(_items(items))
        points = stop - start - len(numbers)
        if points:
            self._sealed.append(self._points(stored.number, start, stop, points))
            self._save_cursor()
        if not self._sealed:
            self._at = self._until

    def _points(self, segment: int, start: int, stop: int, points: int) -> Points:
        self._sequence += 1
        return Points(self._sequence, segment, start, stop, points, self._encode, self._halve)

    def _encode(self, parcel: Points) -> bytes:
        content = self._stored[parcel.segment].open()
        series = content.series(parcel.start, parcel.stop, self._names)
        return wire.encode(wire.Batch(self._writer, parcel.sequence, series))

    def _halve(self, parcel: Points) -> Sequence[Points]:
        content = self._stored[parcel.segment].open()
        middle = (parcel.start + parcel.stop) // 2
        halves = []
        for start, stop in ((parcel.start, middle), (middle, parcel.stop)):
            points = stop - start - content.keys(start, stop).count(ENTRY)
            if points:
                halves.append(self._points(parcel.segment, start, stop, points))
        rest = [each for each in self._sealed if each is not parcel]
        self._save_cursor([*halves, *rest])
        return halves

    def _save_cursor(self, sealed: Sequence[Parcel] | None = None) -> None:
        """Note what is acknowledged, and under which numbers what is not is sent next."""
        self._unsaved = False
        if self._journal is None:
            return
        # Not the newest number: a thread may be making that segment now.
        first = self._queue[0].number if self._queue else self._passed + 1
        named = [each for each in sealed or self._sealed if isinstance(each, Points)]
        try:
            self._journal.save_cursor(
                {
                    "sequence": self._sequence,
                    "segment": first,
                    "at": self._at,
                    "until": self._until,
                    "late": [[stored.number, index] for stored, index in self._late],
                    "sealed": [[p.sequence, p.segment, p.start, p.stop, p.points] for p in named],
                }
            )
        except OSError as error:
            self._warn(
                f"{self._journal.path} takes no more: {error}. Points of run {self.run_id} may be "
                "stored twice if this process dies now."
            )

    @classmethod
    def take_over(cls, journal: Journal) -> Backlog | None:
        """What a dead writer has left, to be sent; None when it cannot be read here."""
        entries = list(journal.entries())
        head = entries[0] if entries else {}
        if head.get("podium spool") != VERSION or head.get("byte order") != sys.byteorder:
            return None
        writer = bytes.fromhex(head["writer"])
        found = cls(head["run_id"], writer, journal.root, server=head["server"])
        found._journal = journal
        for entry in entries[1:]:
            if "key" in entry:
                found._names[entry["key"]] = entry["name"]
            for kind, make in _KINDS.items():
                if kind in entry:
                    found._entries[entry["entry"]] = make(**entry[kind])
        found._find_segments(journal)
        return found

    def _find_segments(self, journal: Journal) -> None:
        cursor = journal.cursor()
        first = cursor.get("segment", 0)
        self._passed = first - 1
        for path in journal.segment_paths():
            stored = Stored(int(path.stem), path.stat().st_size // SLOT, path, dead=True)
            self._stored[stored.number] = stored
            if stored.number >= first:
                self._queue.append(stored)
                self._number = stored.number
        self._sequence = cursor.get("sequence", 0)
        self._late = [
            (self._stored[number], index)
            for number, index in cursor.get("late", ())
            if number in self._stored
        ]
        if self._queue and self._queue[0].number == first:
            self._at = self._until = cursor["at"]
        for sequence, segment, start, stop, points in cursor.get("sealed", ()):
            if segment in self._stored:
                parcel = Points(sequence, segment, start, stop, points, self._encode, self._halve)
                self._sealed.append(parcel)
                self._until = cursor["until"]
        self._begun_again()

    def _begun_again(self) -> None:
        """Params and tags of what was sealed are sent once more: twice does them no harm."""
        if not self._sealed or not self._queue:
            return
        content, items = self._queue[0].open(), []
        keys = content.keys(self._at, self._until)
        for index, step in enumerate(content.steps(self._at, self._until)):
            record = self._entries.get(step) if keys[index] == ENTRY else None
            if record is not None:
                items.append(record)
        self._sealed.extendleft(reversed(_items(items)))


def _items(records: Sequence[Record]) -> list[Items]:
    """The last value of each key, in requests of a size the server takes."""
    params = {each.key: each for each in records if isinstance(each, Param)}
    tags = {each.key: each for each in records if isinstance(each, Tag)}
    found = []
    for start in range(0, max(len(params), len(tags)), MAX_ITEMS):
        piece = slice(start, start + MAX_ITEMS)
        found.append(Items(tuple(params.values())[piece], tuple(tags.values())[piece]))
    return found
