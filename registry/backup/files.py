"""The files of a backup: each content once, under its digest, and a list of who has which."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from podium.client.errors import BadRequest, NotFound
from podium.client.rules import fault_of_path, shown
from podium.tracker.artifacts.base import ArtifactStore, StoredFile
from podium.tracker.artifacts.paths import ArtifactPath

from ..transfer.files import several
from .layout import Manifest, blob, check_sha256, files_file

# Up to this size a file is read once and held in memory, beyond it twice: to digest, and to copy.
_HELD = 16 * 1024 * 1024
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a backup. ``tag`` is the store's for its content; "" says nothing."""

    key: str
    size: int
    sha256: str
    tag: str

    def line(self) -> str:
        told = [self.key, self.size, self.sha256, self.tag]
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n"


def copy(
    store: ArtifactStore, place: ArtifactStore, before: Iterable[Kept]
) -> Iterator[tuple[Kept, bool]]:
    """Every file of the store, and whether its content is new in this place.

    One that is in the backup ``before`` under the same size and tag is not read.
    """
    known = _Matching(before)
    found = ((each, known.find(each)) for each in store.walk())
    for kept in several(lambda pair: _copy_one(store, place, *pair), found):
        if kept is not None:
            yield kept


def restore_one(place: ArtifactStore, store: ArtifactStore, kept: Kept) -> None:
    """Put the file back; one that is there already, from a restore that was cut short, is left."""
    path = ArtifactPath(kept.key)
    if digest_of(store, path, kept.size) == kept.sha256:
        return
    with place.open(blob(kept.sha256)) as content:
        store.put(path, iter(content), length=kept.size, sha256=bytes.fromhex(kept.sha256))


def digest_of(store: ArtifactStore, path: ArtifactPath, size: int) -> str | None:
    """The SHA-256 of the file at ``path``; None when none of this size is there."""
    try:
        with store.open(path) as content:
            if content.size != size:
                return None
            found = hashlib.sha256()
            for chunk in content:
                found.update(chunk)
    except NotFound:
        return None
    return found.hexdigest()


@contextmanager
def listed(place: ArtifactStore, manifest: Manifest, folder: Path) -> Iterator[Iterator[Kept]]:
    """The files of a backup, by way of a local file in ``folder``."""
    local = folder / f"{manifest.backup_id}.files"
    fetch(place, files_file(manifest.backup_id), local)
    try:
        with gzip.open(local, "rt", encoding="utf-8") as lines:
            yield _each(manifest, lines)
    finally:
        local.unlink()


def fetch(place: ArtifactStore, path: ArtifactPath, local: Path) -> tuple[int, str]:
    """Copy a file of the place to a local one; its size and SHA-256."""
    size, digest = 0, hashlib.sha256()
    with place.open(path) as content, local.open("wb") as file:
        for chunk in content:
            size += file.write(chunk)
            digest.update(chunk)
    return size, digest.hexdigest()


class _Matching:
    """Finds files of a walk in an older list: both are by path, so one pass over each is enough."""

    def __init__(self, before: Iterable[Kept]) -> None:
        self._rest = iter(before)
        self._next = next(self._rest, None)

    def find(self, file: StoredFile) -> Kept | None:
        while self._next is not None and self._next.key < file.key:
            self._next = next(self._rest, None)
        found = self._next
        if found is not None and (found.key, found.size, found.tag) == (
            *(file.key, file.size),
            file.tag,
        ):
            return found
        return None


def _copy_one(
    store: ArtifactStore, place: ArtifactStore, file: StoredFile, known: Kept | None
) -> tuple[Kept, bool] | None:
    if known is not None and _is_there(place, known.sha256, known.size):
        return known, False
    if fault := fault_of_path(file.key):
        raise BadRequest(
            f"The artifact store holds {shown(file.key)}, whose path {fault}: no client of Podium "
            "can name it. Move it elsewhere."
        )
    for attempt in range(_ATTEMPTS):
        try:
            return _read(store, place, file)
        except NotFound:
            return None  # deleted since it was listed
        except BadRequest:  # replaced between the two times it was read
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _read(store: ArtifactStore, place: ArtifactStore, file: StoredFile) -> tuple[Kept, bool]:
    path, digest, held = ArtifactPath(file.key), hashlib.sha256(), bytearray()
    with store.open(path) as content:
        size = content.size
        for chunk in content:
            digest.update(chunk)
            if size <= _HELD:
                held += chunk
    # If it is not what was listed any more, its tag is not this content's.
    tag = file.tag if size == file.size else ""
    kept = Kept(file.key, size, digest.hexdigest(), tag)
    if _is_there(place, kept.sha256, size):
        return kept, False
    if size <= _HELD:
        place.put(blob(kept.sha256), [bytes(held)], length=size, sha256=digest.digest())
    else:
        with store.open(path) as content:
            place.put(blob(kept.sha256), iter(content), length=size, sha256=digest.digest())
    return kept, True


def _is_there(place: ArtifactStore, sha256: str, size: int) -> bool:
    try:
        return place.stat(blob(sha256)).file_size == size
    except NotFound:
        return False


def _each(manifest: Manifest, lines: Iterable[str]) -> Iterator[Kept]:
    line = ""
    try:
        for line in lines:
            key, size, sha256, tag = json.loads(line)
            yield Kept(ArtifactPath(key).key, int(size), check_sha256(sha256), str(tag))
    except (ValueError, TypeError, BadRequest, OSError, EOFError):
        raise BadRequest(
            f"The list of files of backup {manifest.backup_id} is damaged after "
            f"{shown(line[:80])}. "
            "Use another backup."
        ) from None
