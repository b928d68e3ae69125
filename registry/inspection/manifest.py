"""The manifest of a version's files: the path, size and SHA-256 of each, and one digest of it all.

The digest is the SHA-256 of lines as ``sha256sum`` prints them, in the order of the paths' bytes.
Of a downloaded folder it can be had by
``find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from podium.client.entities import FileInfo
from podium.client.errors import NotFound
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

MAX_FILES = 20_000


class TooMany(Exception):
    """More files than a model can sensibly have."""


@dataclass(frozen=True, slots=True)
class File:
    path: str
    size: int
    sha256: str


def walk(store: ArtifactStore, root: ArtifactPath) -> Iterator[tuple[str, ArtifactPath, FileInfo]]:
    """Every file below ``root``, with its path from there. A root that is a file is that file."""
    try:
        alone = store.stat(root)
    except NotFound:
        pass
    else:
        yield root.name, root, alone
        return
    for seen, (path, place, info) in enumerate(_below(store, root, "")):
        if seen >= MAX_FILES:
            raise TooMany(f"There are more than {MAX_FILES} files.")
        yield path, place, info


def read(
    store: ArtifactStore, place: ArtifactPath, path: str, keep: Callable[[bytes], object]
) -> File:
    """One file's line; ``keep`` is given its bytes on the way."""
    digest, size = hashlib.sha256(), 0
    with store.open(place) as content:
        for chunk in content:
            digest.update(chunk)
            size += len(chunk)
            keep(chunk)
    return File(path, size, digest.hexdigest())


def digest_of(files: Iterable[File]) -> str:
    total = hashlib.sha256()
    for file in sorted(files, key=lambda each: each.path.encode()):
        total.update(f"{file.sha256}  {file.path}\n".encode())
    return total.hexdigest()


def differences(store: ArtifactStore, root: ArtifactPath, expected: Iterable[File]) -> list[str]:
    """How the files are others than expected. Sizes come first: to compare them reads nothing."""
    wanted = {file.path: file for file in expected}
    there = {path: (place, info) for path, place, info in walk(store, root)}
    found = [f"{path} is gone" for path in sorted(set(wanted) - set(there))]
    found += [f"{path} is new" for path in sorted(set(there) - set(wanted))]
    same = sorted(set(wanted) & set(there))
    found += [
        f"{path} has {there[path][1].file_size} bytes instead of {wanted[path].size}"
        for path in same
        if there[path][1].file_size != wanted[path].size
    ]
    if found:
        return found
    return [
        f"{path} has other content"
        for path in same
        if read(store, there[path][0], path, _drop).sha256 != wanted[path].sha256
    ]


def _below(
    store: ArtifactStore, folder: ArtifactPath, prefix: str
) -> Iterator[tuple[str, ArtifactPath, FileInfo]]:
    for info in store.list(folder):
        place = folder / ArtifactPath.parse(info.path)
        if info.is_dir:
            yield from _below(store, place, f"{prefix}{info.path}/")
        else:
            yield prefix + info.path, place, info


def _drop(_chunk: bytes) -> None:
    """Nothing is kept of what is only compared."""
