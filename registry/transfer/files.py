"""Artifacts between a store and an export's folder. Several at once, in one order."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from podium.client.errors import BadRequest, Conflict, NotFound
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ROOT, ArtifactPath
from podium.tracker.db import Database
from podium.tracker.storage import digests

from .manifest import ARTIFACTS, Entry
from .parquet import HashedFile

_AT_ONCE = 8
_AHEAD = 64
Item = TypeVar("Item")
Result = TypeVar("Result")


def copy_out(store: ArtifactStore, folder: Path) -> Iterator[Entry]:
    """Copy every file of the store below ``folder``, in the order of their paths."""
    for entry in several(lambda path: _copy_one_out(store, path, folder), all_files(store)):
        if entry is not None:
            yield entry


def copy_in(
    db: Database, store: ArtifactStore, folder: Path, entries: Iterable[Entry]
) -> Iterator[Entry]:
    """Store every artifact of an export, each checked against its digest on the way.

    One that is there already is left; :class:`Conflict` when it is another.
    """
    of_files = (each for each in entries if each.path.startswith(f"{ARTIFACTS}/"))
    yield from several(lambda entry: _copy_one_in(db, store, entry, folder), of_files)


def all_files(store: ArtifactStore, folder: ArtifactPath = ROOT) -> Iterator[ArtifactPath]:
    for found in store.list(folder):
        try:
            path = folder / ArtifactPath(found.path)
        except BadRequest:
            raise BadRequest(
                f"The artifact store holds {found.path!r} in {folder.key or 'its root'!r}, which "
                "no client of Podium can name: move it elsewhere."
            ) from None
        if found.is_dir:
            yield from all_files(store, path)
        else:
            yield path


def digest_of(store: ArtifactStore, path: ArtifactPath) -> str | None:
    """The SHA-256 of what the store has at this path; None when it has no file there."""
    try:
        content = store.open(path)
    except NotFound:
        return None
    found = hashlib.sha256()
    with content:
        for chunk in content:
            found.update(chunk)
    return found.hexdigest()


def _copy_one_out(store: ArtifactStore, path: ArtifactPath, folder: Path) -> Entry | None:
    name = f"{ARTIFACTS}/{path.key}"
    try:
        content = store.open(path)
    except NotFound:
        return None  # deleted since it was listed
    with content, _new_file(folder / name, path) as file:
        for chunk in content:
            file.write(chunk)
    return Entry(name, file.size, file.sha256)


def _new_file(place: Path, path: ArtifactPath) -> HashedFile:
    try:
        return HashedFile(place)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise BadRequest(
            f"The artifact {path.key!r} cannot lie beside another whose path is the same, but for "
            "case, or begins with it: this disk holds one of them. Rename one, or export to a "
            "disk that tells them apart."
        ) from None


def _copy_one_in(db: Database, store: ArtifactStore, entry: Entry, folder: Path) -> Entry:
    path = ArtifactPath(entry.path.removeprefix(f"{ARTIFACTS}/"))
    there = digest_of(store, path)
    if there is None:
        with (folder / entry.path).open("rb") as file:
            sha256 = bytes.fromhex(entry.sha256)
            digests.put(db, store, path, file, length=entry.size, sha256=sha256)
    elif there != entry.sha256:
        raise Conflict(
            f"The artifact {path.key!r} is another file here than in the export. "
            "Import into an empty installation."
        )
    return entry


def several(do: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results in the order of the items, some of which are under way at the same time."""
    rest = iter(items)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while ahead := list(itertools.islice(rest, _AHEAD)):
            yield from pool.map(do, ahead)
