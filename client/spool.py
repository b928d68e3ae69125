"""What one run of this process logs, and the server has not acknowledged: written.

Promises: :meth:`Spool.point` and :meth:`Spool.append` may be called by any thread and by signal
handlers; a point takes no lock and no system call, but where a segment is full; what they were
given when they return survives the death of the process.

Where the disk is full or may not be written, memory takes the place of files, up to a limit; then
points are counted and dropped.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import count
from threading import RLock
from typing import Any
from zlib import crc32

from .backlog import Backlog
from .journal import VERSION, Journal, Root
from .parcels import Record
from .segments import ENTRY, SLOT, Segment, Stored, pack_body, store_slot

FIRST_SLOTS, MOST_SLOTS = 2048, 32_768  # of a segment: 64 kB, 1 MB
MEMORY_LIMIT = 64 * 1024 * 1024  # bytes of segments that no disk would take; two million points
_RETRY_SECONDS = 1.0


class Spool(Backlog):
    def __init__(
        self,
        run_id: str,
        root: Root | None = None,
        *,
        server: str | None = None,
        keys: Iterable[str] = (),
        warn: Callable[[str], None] = lambda _message: None,
    ) -> None:
        """Nothing is made on disk before something is logged."""
        super().__init__(run_id, os.urandom(16), root, server=server, warn=warn)
        self._lock = RLock()  # reentrant: a signal handler may log while its thread holds it
        self._segment = Segment(0, 0, None)  # full from the start
        self._segment_numbers = count(1)
        self._names = dict(enumerate(keys))
        self._keys = {key: number for number, key in self._names.items()}
        self._next_entry = 0
        self._no_room_until = 0.0

    def point(self, key: int, step: int, timestamp: int, value: float) -> bool:
        """Log a point; ``key`` is the number :meth:`key` gave. False when there is no room."""
        segment = self._segment
        index = next(segment.free)
        if index < segment.slots:
            body = pack_body(key, step, timestamp, value)
            store_slot(segment.map, index * SLOT, crc32(body) or 1, body)
            return True
        return self._point_behind(segment, pack_body(key, step, timestamp, value), key)

    def key(self, name: str) -> int:
        """The number of a metric's key, from its first point on."""
        with self._lock:
            number = self._keys.get(name)
            if number is None:
                number = len(self._keys)
                self._keys[name], self._names[number] = number, name
                self._note({"key": number, "name": name})
            return number

    def append(self, record: Record) -> None:
        with self._lock:
            number, self._next_entry = self._next_entry, self._next_entry + 1
            self._entries[number] = record
            self._note(_entry(number, record))
            if not self.point(ENTRY, number, 0, 0.0):
                self._overflow.append(self._entries.pop(number))

    def _point_behind(self, full: Segment, body: bytes, key: int) -> bool:
        segment = self._next_segment(full)
        while segment is not None:
            index = next(segment.free)
            if index < segment.slots:
                store_slot(segment.map, index * SLOT, crc32(body) or 1, body)
                return True
            segment = self._next_segment(segment)
        self.dropped += key != ENTRY
        return False

    def _next_segment(self, full: Segment) -> Segment | None:
        """The segment to write to, this one being full; None where there is room for none.

        A signal handler that logs may come in anywhere, and again need a segment. Whose segment is
        the first among the successors is decided by one call into C, so that there is one winner:
        the handler's, which this call then finds, or this call's, to which the handler writes
        although it is not installed yet.
        """
        with self._lock:
            if self._segment is not full and full not in self._segment.successors[:1]:
                return self._segment
            if not full.successors:
                if time.monotonic() < self._no_room_until:
                    return None
                fresh = self._new_segment(min(max(FIRST_SLOTS, full.slots * 2), MOST_SLOTS))
                if fresh is None:
                    self._no_room_until = time.monotonic() + _RETRY_SECONDS
                else:
                    full.successors.append(fresh)
                    if full.successors[0] is fresh:
                        self._install(fresh)
                    else:
                        self._discard(fresh)
            return full.successors[0] if full.successors else None

    def _install(self, fresh: Segment) -> None:
        before = self._stored.get(self._segment.number)
        if before is not None:
            before.unmap()
        stored = Stored(fresh.number, fresh.slots, fresh.path)
        stored.map(fresh)
        self._stored[fresh.number] = stored
        self._queue.append(stored)
        self._number = max(self._number, fresh.number)
        self._segment, self._written = fresh, fresh.number

    def _discard(self, fresh: Segment) -> None:
        if fresh.path is not None and self._root is not None:
            fresh.path.unlink()
            self._root.give_back(fresh.size)

    def _new_segment(self, slots: int) -> Segment | None:
        number = next(self._segment_numbers)
        if self._root is not None:
            try:
                return self._new_file(self._root, number, slots)
            except OSError as error:
                self._warn(
                    f"{self._root.path} cannot take what run {self.run_id} logs: {error}. It waits "
                    "in memory, and is lost if this process dies before it is sent."
                )
        in_memory = sum(each.size for each in tuple(self._stored.values()) if each.path is None)
        if in_memory + slots * SLOT > MEMORY_LIMIT:
            return None
        return Segment(number, slots, None)

    def _new_file(self, root: Root, number: int, slots: int) -> Segment:
        if self._journal is None:
            head = {
                "podium spool": VERSION,
                "run_id": self.run_id,
                "writer": self._writer.hex(),
                "server": self.server,
                "byte order": sys.byteorder,
            }
            self._journal = Journal.create(root, self.run_id, self._writer, head)
            for key, name in self._names.items():
                self._note({"key": key, "name": name})
            for entry, record in self._entries.items():
                self._note(_entry(entry, record))
        root.reserve(slots * SLOT)
        try:
            return Segment(number, slots, self._journal.segment_path(number))
        except OSError:
            root.give_back(slots * SLOT)
            raise

    def remove(self) -> None:
        """Leave nothing on disk, when nothing waits. What is logged later begins anew."""
        with self._lock:
            super().remove()
            self._writer = os.urandom(16)
            self._segment = Segment(0, 0, None)

    def _note(self, entry: dict[str, Any]) -> None:
        if self._journal is None:
            return
        try:
            self._journal.append(entry)
        except OSError as error:
            self._warn(
                f"{self._journal.path} takes no more: {error}. Part of what is logged is lost if "
                "this process dies before it is sent."
            )


def _entry(number: int, record: Record) -> dict[str, Any]:
    return {"entry": number, type(record).__name__.lower(): asdict(record)}
