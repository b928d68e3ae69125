"""Artifacts in a local folder.

Every step below the root is taken with ``openat`` and O_NOFOLLOW, so a symbolic link anywhere in
the folder leads nowhere: it is neither listed, read nor written through. Needs a POSIX system.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat as modes
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from podium.client.entities import FileInfo
from podium.client.errors import BadRequest, ConfigError, NotFound, PodiumError, Unavailable

from .base import (
    ABANDONED_SECONDS,
    Announce,
    Away,
    Body,
    Content,
    Measured,
    Stored,
    StoredFile,
    resolve_range,
)
from .paths import ROOT, ArtifactPath

# Unfinished uploads and folders being removed: on the same file system, so that a rename is atomic.
_STAGING = ".staging"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = (errno.ENOSPC, errno.EDQUOT)
_IN_THE_WAY = (errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENOTEMPTY, errno.EEXIST)
# Each attempt fails only when a concurrent delete has just removed the emptied parent folder.
_ATTEMPTS = 100


class FolderStore:
    """An :class:`~.base.ArtifactStore` below ``root``, which may itself be a symbolic link."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        try:
            (self.root / _STAGING).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"PODIUM_ARTIFACTS: the folder {self.root} cannot be used: {error.strerror}. "
                "Make it writable by this user or name another."
            ) from None
        self.sweep()

    def put(
        self,
        path: ArtifactPath,
        body: Body,
        *,
        length: int | None = None,
        sha256: bytes | None = None,
        announce: Announce | None = None,
    ) -> Stored:
        *parents, name = _segments(path)
        measured = Measured(body, length=length, sha256=sha256, announce=announce)
        with _reporting(path, writing=True), self._folder([_STAGING]) as staging:
            temporary = uuid.uuid4().hex
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with os.fdopen(os.open(temporary, flags, 0o640, dir_fd=staging), "wb") as file:
                    for chunk in measured:
                        file.write(chunk)
                    stored = measured.verified()
                    file.flush()
                    os.fsync(file.fileno())
                self._publish(temporary, staging, parents, name)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=staging)
                raise
        return stored

    def open(
        self, path: ArtifactPath, *, start: int | None = None, stop: int | None = None
    ) -> Content:
        *parents, name = _segments(path)
        with _reporting(path), self._folder(parents) as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            file = os.fdopen(os.open(name, flags, dir_fd=folder), "rb", buffering=0)
        try:
            status = os.fstat(file.fileno())
            if not modes.S_ISREG(status.st_mode):
                raise _missing(path)
            first, last = resolve_range(status.st_size, start, stop)
            file.seek(first)
        except BaseException:
            file.close()
            raise
        return Content(file, size=status.st_size, start=first, stop=last)

    def list(self, folder: ArtifactPath) -> Sequence[FileInfo]:
        found = []
        try:
            with (
                _reporting(folder),
                self._folder(_segments(folder, root=True)) as opened,
                os.scandir(opened) as entries,
            ):
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        found.append(FileInfo(entry.name, is_dir=True))
                    elif entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):
                            size = entry.stat(follow_symlinks=False).st_size
                            found.append(FileInfo(entry.name, is_dir=False, file_size=size))
        except NotFound:
            return []
        if not folder.key:
            found = [info for info in found if info.path != _STAGING]
        return sorted(found, key=lambda info: info.path)

    def walk(self, folder: ArtifactPath = ROOT) -> Iterator[StoredFile]:
        with suppress(NotFound), _reporting(folder):
            yield from self._walk(_segments(folder, root=True))

    def _walk(self, names: Sequence[str]) -> Iterator[StoredFile]:
        try:
            with self._folder(names) as opened, os.scandir(opened) as entries:
                found = [
                    (f"{each.name}/" if is_folder else each.name, None if is_folder else each)
                    for each in entries
                    for is_folder in [each.is_dir(follow_symlinks=False)]
                    if is_folder or each.is_file(follow_symlinks=False)
                ]
                files = {name: _status(entry) for name, entry in found if entry is not None}
        except (FileNotFoundError, NotADirectoryError):  # removed since it was listed
            return
        # With its slash a folder stands where its files do in the order of whole paths.
        for name in sorted(name for name, _ in found):
            if name.endswith("/"):
                if names or name != f"{_STAGING}/":
                    yield from self._walk((*names, name[:-1]))
            elif (status := files[name]) is not None:
                yield StoredFile(
                    "/".join((*names, name)),
                    status.st_size,
                    status.st_mtime_ns // 1_000_000,
                    f"{status.st_ino:x}-{status.st_mtime_ns:x}",
                )

    def stat(self, path: ArtifactPath) -> FileInfo:
        *parents, name = _segments(path)
        with _reporting(path), self._folder(parents) as folder:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not modes.S_ISREG(status.st_mode):
            raise _missing(path)
        return FileInfo(name, is_dir=False, file_size=status.st_size)

    def delete(self, path: ArtifactPath) -> None:
        *parents, name = _segments(path)
        removed = uuid.uuid4().hex
        try:
            with (
                _reporting(path),
                self._folder([_STAGING]) as staging,
                self._folder(parents) as folder,
            ):
                # A whole tree disappears in one step; taking it apart may be slow.
                os.rename(name, removed, src_dir_fd=folder, dst_dir_fd=staging)
                self._prune(parents)
                _remove(removed, staging)
        except NotFound:
            return

    def whereabouts(self) -> str:
        return str(self.root.resolve())

    def ready(self) -> None:
        try:
            with self._folder([_STAGING]) as staging:
                probe = uuid.uuid4().hex
                os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=staging))
                os.unlink(probe, dir_fd=staging)
                full = os.fstatvfs(staging).f_bavail == 0
        except OSError as error:
            raise Unavailable(
                f"The artifact folder {self.root} cannot be written to: {error.strerror}. "
                "Check that it is mounted and belongs to the user the server runs as."
            ) from error
        if full:
            raise Away(f"The disk of {self.root} is full. Free some space.")

    def sweep(self) -> int:
        limit = time.time() - ABANDONED_SECONDS
        swept = 0
        with suppress(OSError), self._folder([_STAGING]) as staging:
            for name in os.listdir(staging):
                if os.stat(name, dir_fd=staging, follow_symlinks=False).st_mtime < limit:
                    _remove(name, staging)
                    swept += 1
        return swept

    def _publish(self, temporary: str, staging: int, parents: Sequence[str], name: str) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                with self._folder(parents, create=True) as folder:
                    os.rename(temporary, name, src_dir_fd=staging, dst_dir_fd=folder)
                    os.fsync(folder)
                return
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1:
                    raise

    @contextmanager
    def _folder(self, names: Sequence[str], *, create: bool = False) -> Iterator[int]:
        """A descriptor of the folder ``names`` lead to from the root, without following a link."""
        opened = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(name, 0o750, dir_fd=opened)
                        os.fsync(opened)
                below = os.open(name, _FOLDER, dir_fd=opened)
                os.close(opened)
                opened = below
            yield opened
        finally:
            os.close(opened)

    def _prune(self, names: Sequence[str]) -> None:
        """Remove the folders ``names`` that are empty now, from the innermost outwards."""
        with suppress(OSError):
            for depth in range(len(names) - 1, -1, -1):
                with self._folder(names[:depth]) as folder:
                    os.rmdir(names[depth], dir_fd=folder)


def _segments(path: ArtifactPath, *, root: bool = False) -> tuple[str, ...]:
    if not (path.key or root):
        raise BadRequest("Invalid path: path is empty. Name a file or folder.")
    if path.segments[:1] == (_STAGING,):
        raise BadRequest(f"Invalid path: {path.key!r} is where uploads wait. Choose another name.")
    return path.segments


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return entry.stat(follow_symlinks=False)
    return None


def _remove(name: str, folder: int) -> None:
    if modes.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        shutil.rmtree(name, ignore_errors=True, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


def _missing(path: ArtifactPath) -> NotFound:
    return NotFound(f"No such artifact: {path.key!r}. List its folder to see what there is.")


@contextmanager
def _reporting(path: ArtifactPath, *, writing: bool = False) -> Iterator[None]:
    """Turn an error of the file system into one that says what to do."""
    try:
        yield
    except ConnectionError:  # of the body's sender, not of the disk
        raise
    except OSError as error:
        raise _explained(error, path, writing=writing) from error


def _explained(error: OSError, path: ArtifactPath, *, writing: bool) -> PodiumError:
    if error.errno in _IN_THE_WAY and writing:
        return BadRequest(
            f"Invalid path: {path.key!r} is a folder already, or a part of it is a file. "
            "Choose another path, or delete what is there first."
        )
    if error.errno == errno.ENAMETOOLONG:
        return BadRequest(f"Invalid path: {path.key!r} is too long for the server's disk.")
    if not writing and (error.errno == errno.ENOENT or error.errno in _IN_THE_WAY):
        return _missing(path)
    if error.errno in _FULL:
        return Unavailable("The server's artifact disk is full. Free some space, then try again.")
    return Unavailable(
        f"The server's artifact folder failed: {error.strerror}. An administrator should check "
        "that it is mounted and belongs to the user the server runs as."
    )
