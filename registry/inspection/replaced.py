"""Which of a version's files were uploaded anew since it was registered.

The server keeps the digest of what comes by it, so this asks the database alone and reads no file.
What is put into the store behind its back it does not know of; nor is a file compared of which no
digest is kept. To see those, files are read again (``differences`` in ``manifest``).
"""

from __future__ import annotations

from collections import defaultdict

from podium.tracker.artifacts.paths import parse_artifact_uri
from podium.tracker.storage.tables import FileDigest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import ModelVersion
from ..promotion.tables import FileRow

# An upload is written down when its URL is made, and may come until that runs out.
_URL_LASTS_MS = 900_000
_AT_ONCE = 500


def replaced(session: Session, version: ModelVersion) -> list[str]:
    """Their paths. What nobody has digested, as an upload in parts, is another file, too."""
    if version.digest is None:
        return []
    found = session.execute(
        select(FileRow.path, FileRow.sha256).where(FileRow.version == version.id)
    )
    manifest = {path: bytes.fromhex(sha256) for path, sha256 in found}
    root = parse_artifact_uri(version.storage_location)
    paths = {f"{root.key}/{path}": path for path in manifest}
    if root.name in manifest:  # it may be the file itself
        paths[root.key] = root.name
    kept = _kept(session, list(paths))
    since = version.creation_time - _URL_LASTS_MS
    return sorted(
        {path for place, path in paths.items() if _is_other(kept[place], manifest[path], since)}
    )


def _kept(session: Session, places: list[str]) -> dict[str, dict[bytes, int]]:
    """When each digest was last written down."""
    found = defaultdict[str, dict[bytes, int]](dict)
    for at_once in range(0, len(places), _AT_ONCE):
        some = places[at_once : at_once + _AT_ONCE]
        rows = select(FileDigest.place, FileDigest.sha256, FileDigest.at)
        for place, sha256, at in session.execute(rows.where(FileDigest.place.in_(some))):
            found[place][sha256] = at
    return found


def _is_other(kept: dict[bytes, int], wanted: bytes, since: int) -> bool:
    """Another one has come after it; or it never came, though it is known what did."""
    if kept and wanted not in kept and b"" not in kept:
        return True
    own = kept.get(wanted, since)
    return any(at > max(own, since) for sha256, at in kept.items() if sha256 != wanted)
