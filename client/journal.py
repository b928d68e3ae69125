"""What a writer keeps on disk beside its segments: ``<root>/<run id>/<writer>/``.

``journal`` names the writer, its run and its server, the metrics' keys and everything that is
logged and no point, each entry once. Who holds the lock on it is the writer, or who sends what a
dead one left; a lock ends with its process. ``cursor`` says how far sending has come.

Entries are JSON, each behind its length and CRC-32 (two uint32, little-endian), so that an entry
that was cut off is seen. The cursor is replaced as a whole.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import RLock
from typing import Any
from zlib import crc32

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

VERSION = 1
_FRAME = struct.Struct("<II")
_MEASURE_SECONDS = 10.0
UNBORN = ".new-"  # the name of a folder that is being made begins with it

Entry = Mapping[str, Any]


class Root:
    """The folder of all spools of a machine, and how much they may take of its disk together."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit = path, limit
        self._used = 0
        self._measured = -_MEASURE_SECONDS
        # Reentrant: a signal handler may log in between. What it then adds may be counted wrong
        # until the next measuring, which is soon.
        self._lock = RLock()

    def reserve(self, size: int) -> None:
        """Raise :class:`OSError` when so many bytes more are over the limit."""
        with self._lock:
            if time.monotonic() - self._measured >= _MEASURE_SECONDS:
                self._used, self._measured = _size_of(self.path), time.monotonic()
            if self._used + size > self.limit:
                raise OSError(f"its limit of {self.limit} bytes (PODIUM_SPOOL_LIMIT) is reached")
            self._used += size

    def give_back(self, size: int) -> None:
        with self._lock:
            self._used -= size


class Journal:
    """One writer's folder, which this process holds locked."""

    _held: set[Path] = set()  # noqa: RUF012  (shared on purpose: of all writers of this process)

    def __init__(self, root: Root, path: Path, handle: int) -> None:
        self.root, self.path = root, path
        self._handle = handle
        Journal._held.add(path)

    @classmethod
    def create(cls, root: Root, run_id: str, writer: bytes, head: Entry) -> Journal:
        """With its first entry. Raises :class:`OSError` where the folder cannot be written."""
        if fcntl is None:
            raise OSError("this system has no file locks of the kind it needs")
        path = root.path / run_id / writer.hex()
        # Under another name until it is locked: nobody may take a living writer for a dead one.
        unborn = path.with_name(UNBORN + path.name)
        unborn.mkdir(parents=True, mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        handle = os.open(unborn / "journal", flags, 0o600)
        journal = cls(root, path, handle)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            journal.append(head)
            unborn.rename(path)
        except OSError:
            journal.release()
            shutil.rmtree(unborn, ignore_errors=True)
            raise
        return journal

    @classmethod
    def take_over(cls, root: Root, path: Path) -> Journal | None:
        """The folder of a writer that has died; None while it lives, or another takes it over."""
        # A process may lock twice what it has locked, and closing the second loses the first.
        if fcntl is None or path in cls._held:
            return None
        try:
            handle = os.open(path / "journal", os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink == 0:
                raise OSError("somebody has sent it, and removed it")
        except OSError:
            os.close(handle)
            return None
        return cls(root, path, handle)

    @classmethod
    def forget_parent(cls) -> None:
        """In a forked child: what the parent holds is not this process's."""
        cls._held = set()

    def append(self, entry: Entry) -> None:
        text = json.dumps(entry, separators=(",", ":")).encode()
        frame = _FRAME.pack(len(text), crc32(text)) + text
        before = os.fstat(self._handle).st_size
        try:
            if os.write(self._handle, frame) < len(frame):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._handle, before)  # what comes after half an entry cannot be read
            raise

    def entries(self) -> Iterator[Entry]:
        """Up to the first that was cut off."""
        # Not by opening it again: to close any handle of a file gives up this process's lock on it.
        data = os.pread(self._handle, os.fstat(self._handle).st_size, 0)
        at = 0
        while at + _FRAME.size <= len(data):
            length, checksum = _FRAME.unpack_from(data, at)
            at += _FRAME.size
            text = data[at : at + length]
            if len(text) < length or crc32(text) != checksum:
                return
            yield json.loads(text)
            at += length

    def save_cursor(self, cursor: Entry) -> None:
        """Replace it; on disk when this returns, so that a power cut cannot send a batch anew."""
        fresh = self.path / "cursor.new"
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, json.dumps(cursor, separators=(",", ":")).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        fresh.replace(self.path / "cursor")

    def cursor(self) -> dict[str, Any]:
        try:
            found = json.loads((self.path / "cursor").read_bytes())
        except (OSError, ValueError):
            return {}
        return dict(found)

    def segment_path(self, number: int) -> Path:
        return self.path / f"{number:08d}.seg"

    def segment_paths(self) -> list[Path]:
        return sorted(self.path.glob("*.seg"))

    def remove(self) -> None:
        """Everything was sent. The journal goes last: without it nothing here could be read."""
        with contextlib.suppress(OSError):
            for path in [*self.segment_paths(), self.path / "cursor", self.path / "journal"]:
                path.unlink(missing_ok=True)
            self.path.rmdir()
            self.path.parent.rmdir()
        self.release()

    def release(self) -> None:
        """Let another process take over what is left."""
        Journal._held.discard(self.path)
        os.close(self._handle)


def _size_of(folder: Path) -> int:
    """Bytes on disk of all spools; what vanishes meanwhile counts as gone."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(where, name)).st_size
    return total
