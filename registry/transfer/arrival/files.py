"""Files of another MLflow, one after the other, each with its checksum."""

from __future__ import annotations

import hashlib
from pathlib import Path

from podium.client.errors import BadRequest, PodiumError
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.storage import digests

from ..files import all_files
from .conflicts import Arriving


def copy_files(arriving: Arriving, uri: str, root: ArtifactPath, whose: str, *, again: bool) -> int:
    """Copy all files below ``uri`` to ``root``; how many are there now.

    The store compares each with its SHA-256. When they are copied ``again``, those that are here
    are left. What has a name that no file here can have is noted.
    """
    if not uri or not arriving.choice.files:
        return 0
    if arriving.source.is_elsewhere(uri):
        arriving.elsewhere.append(uri)
        return 0
    here = set(all_files(arriving.store, root)) if again else set()
    expected = set()
    for file in arriving.source.files(uri):
        try:
            path = root / ArtifactPath(file.path)
        except BadRequest as wrong:
            arriving.notes.append(f"a file of {whose} was left out. {wrong.message}")
            continue
        if path not in here:
            with arriving.source.fetch(file) as local:
                _put(arriving, local, path)
        expected.add(path)
        arriving.progress.show("artifacts:", arriving.counts["artifacts"] + len(expected))
    if lost := expected.difference(all_files(arriving.store, root)):
        raise PodiumError(f"The file {min(lost).key!r} was copied and is not here. Import again.")
    return len(expected)


def _put(arriving: Arriving, local: Path, path: ArtifactPath) -> None:
    with local.open("rb") as body:
        digest = hashlib.file_digest(body, "sha256").digest()
        body.seek(0)
        size = local.stat().st_size
        digests.put(arriving.db, arriving.store, path, body, length=size, sha256=digest)
