"""Segments of the spool: slots of 32 bytes in a file that is mapped into memory.

    offset  size  field
    0       4     CRC-32 of the 28 bytes that follow, uint32; 0: nothing is written here (yet)
    4       4     number of the metric's key, uint32; 0xFFFFFFFF: an entry of the journal
    8       8     step, int64; for an entry its number
    16      8     timestamp, milliseconds since the Unix epoch, int64
    24      8     value, float64

in the byte order of the machine. A slot is taken by counting, which is one call into C: so any
number of threads write without a lock, and a signal handler may log in the middle of another call.
Who took a slot fills it a moment later; until then there is a hole. What is written stays when the
process dies, since the pages are the kernel's. The space is allocated beforehand: a disk that fills
up fails the making of a segment, never a write to it.
"""

from __future__ import annotations

import mmap
import os
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from struct import Struct
from zlib import crc32

from .wire import Series

SLOT = 32
ENTRY = 0xFFFFFFFF
_BODY = Struct("=Iqqd")
_STORE = Struct("=I28s")
_WORDS, _LONGS = SLOT // 4, SLOT // 8
_SCAN = 1024

pack_body, store_slot = _BODY.pack, _STORE.pack_into


class Segment:
    """One that is being written; ``path`` is None for one that is in memory alone.

    The first of ``successors`` is the one to write to when this is full.
    """

    __slots__ = ("free", "map", "number", "path", "slots", "successors")

    def __init__(self, number: int, slots: int, path: Path | None) -> None:
        """Raises :class:`OSError` where there is no room; then there is no file either."""
        self.number, self.slots, self.path = number, slots, path
        self.free: count[int] = count()
        self.successors: list[Segment] = []
        self.map = _map_new_file(path, self.size) if path else mmap.mmap(-1, self.size or SLOT)

    @property
    def size(self) -> int:
        return self.slots * SLOT


class Stored:
    """One that is being read; ``dead``: its writer is no more, so its holes stay holes."""

    def __init__(self, number: int, slots: int, path: Path | None, *, dead: bool = False) -> None:
        self.number, self.slots, self.path, self.dead = number, slots, path, dead
        self.torn = 0  # slots that were cut off by the writer's death
        self._content: Content | None = None  # None: to be mapped when it is read

    @property
    def size(self) -> int:
        return self.slots * SLOT

    def map(self, segment: Segment) -> None:
        """Read what is still being written."""
        self._content = Content(segment.map)

    def open(self) -> Content:
        """One without slots where the file is gone, as it is when all of it was sent."""
        content = self._content
        if content is None:
            assert self.path is not None  # noqa: S101  (what is in memory alone stays mapped)
            try:
                content = self._content = self._read(self.path)
            except FileNotFoundError:
                return Content(bytearray())
        return content

    def unmap(self) -> None:
        if self.path is not None:
            self._content = None

    def discard(self) -> None:
        self.unmap()
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    def _read(self, path: Path) -> Content:
        if self.dead:
            raw, self.torn = read_back(path)
            return Content(raw)
        with path.open("rb") as file:
            return Content(mmap.mmap(file.fileno(), self.size, access=mmap.ACCESS_READ))


class Content:
    """The slots of a segment, read."""

    def __init__(self, buffer: mmap.mmap | bytearray) -> None:
        self._words = memoryview(buffer).cast("I")
        self._longs = memoryview(buffer).cast("q")
        self.slots = len(self._words) // _WORDS

    def is_filled(self, index: int) -> bool:
        return self._words[index * _WORDS] != 0

    def filled_until(self, index: int) -> int:
        """The first slot from this one on that is empty."""
        while index < self.slots and self.is_filled(index):
            stop = min(index + _SCAN, self.slots)
            sums = self._words[index * _WORDS : stop * _WORDS : _WORDS].tolist()
            if 0 in sums:
                return index + sums.index(0)
            index = stop
        return index

    def next_filled(self, index: int) -> int:
        """The first slot from this one on that is not empty, or the count of all slots."""
        sums = self._words[index * _WORDS :: _WORDS].tolist()
        return next((at for at, crc in enumerate(sums, index) if crc), self.slots)

    def keys(self, start: int, stop: int) -> list[int]:
        return self._words[start * _WORDS + 1 : stop * _WORDS : _WORDS].tolist()

    def steps(self, start: int, stop: int) -> list[int]:
        return self._longs[start * _LONGS + 1 : stop * _LONGS : _LONGS].tolist()

    def points_from(self, start: int) -> int:
        """How many points are written from this slot on."""
        sums = self._words[start * _WORDS :: _WORDS].tolist()
        keys = self.keys(start, self.slots)
        return sum(1 for crc, key in zip(sums, keys, strict=True) if crc and key != ENTRY)

    def series(self, start: int, stop: int, names: Mapping[int, str]) -> tuple[Series, ...]:
        """The points of these slots by key, in the order they were logged, bit for bit.

        Keys without a name are left out: their name was lost with a full disk.
        """
        keys = self.keys(start, stop)
        columns = [
            self._longs[start * _LONGS + column : stop * _LONGS : _LONGS] for column in (1, 2, 3)
        ]
        found = Counter(keys)
        if len(found) == 1:
            ordered = [_little_endian(array("q", column.tobytes())) for column in columns]
        else:
            order = sorted(range(len(keys)), key=keys.__getitem__)
            ordered = [
                _little_endian(array("q", map(column.tolist().__getitem__, order)))
                for column in columns
            ]
        series, at = [], 0
        for key in sorted(found):
            until = at + 8 * found[key]
            if key in names:
                series.append(Series(names[key], *(column[at:until] for column in ordered)))
            at = until
        return tuple(series)


def read_back(path: Path) -> tuple[bytearray, int]:
    """A segment whose writer has died, and how many slots of it were cut off: those are emptied."""
    content = bytearray(path.read_bytes())
    del content[len(content) - len(content) % SLOT :]
    torn = 0
    for at in range(0, len(content), SLOT):
        stored = int.from_bytes(content[at : at + 4], sys.byteorder)
        if stored and stored != (crc32(content[at + 4 : at + SLOT]) or 1):
            torn += 1
            content[at : at + SLOT] = bytes(SLOT)
    return content, torn


def _little_endian(column: array[int]) -> bytes:
    if sys.byteorder == "big":
        column.byteswap()
    return column.tobytes()


def _map_new_file(path: Path, size: int) -> mmap.mmap:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _allocate(handle, size)
        # Populated: so that the first write to each page is no fault in the training's thread.
        flags = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        return mmap.mmap(handle, size, flags=flags)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)


_posix_allocate: Callable[[int, int, int], None] | None = getattr(os, "posix_fallocate", None)


def _allocate(handle: int, size: int) -> None:
    if _posix_allocate is not None:
        _posix_allocate(handle, 0, size)
        return
    zeros, left = bytes(64 * 1024), size
    while left:
        left -= os.write(handle, zeros[:left])
