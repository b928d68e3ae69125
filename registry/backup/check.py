"""Reading a backup again, every byte of it, and comparing."""

from __future__ import annotations

import tempfile
from pathlib import Path

from podium.client.errors import BadRequest, NotFound
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

from ..transfer.files import several
from ..transfer.parquet import count_rows
from ..transfer.progress import Progress
from . import layout
from .files import Kept, digest_of, fetch, listed
from .layout import Manifest, Part


def verify(place: ArtifactStore, backup_id: str | None = None) -> Manifest:
    """That backup, or the newest; :class:`BadRequest` names the first thing that differs."""
    manifest = layout.choose(place, backup_id)
    progress = Progress()
    with tempfile.TemporaryDirectory(prefix="podium-verify-") as folder:
        for name, part in manifest.tables.items():
            local = Path(folder) / f"{name}.parquet"
            fetch_part(place, layout.table_file(manifest.backup_id, name), part, local)
            if count_rows(local) != part.rows:
                raise _damaged(layout.table_file(manifest.backup_id, name))
            local.unlink()
        local = Path(folder) / layout.FILES
        fetch_part(place, layout.files_file(manifest.backup_id), manifest.files, local)
        count = size = 0
        seen: set[str] = set()
        with listed(place, manifest, Path(folder)) as files:
            for kept in several(lambda kept: _read(place, kept, seen), files):
                count, size = count + 1, size + kept.size
                progress.show("verifying files:", count, manifest.files.rows)
    if (count, size) != (manifest.files.rows, manifest.bytes):
        raise _damaged(layout.files_file(manifest.backup_id))
    progress.clear()
    return manifest


def fetch_part(place: ArtifactStore, path: ArtifactPath, part: Part, local: Path) -> None:
    """Copy a file of a backup to a local one; :class:`BadRequest` when it is not as written."""
    try:
        found = fetch(place, path, local)
    except NotFound:
        raise _damaged(path) from None
    if found != (part.size, part.sha256):
        raise _damaged(path)


def _read(place: ArtifactStore, kept: Kept, seen: set[str]) -> Kept:
    if kept.sha256 not in seen:
        if digest_of(place, layout.blob(kept.sha256), kept.size) != kept.sha256:
            raise BadRequest(
                f"The content of {kept.key!r}, {layout.blob(kept.sha256)}, is missing or damaged: "
                "it cannot be restored. Remove it and make another backup while the original "
                "exists, or use another copy of this one."
            )
        seen.add(kept.sha256)
    return kept


def _damaged(path: ArtifactPath) -> BadRequest:
    return BadRequest(
        f"{path} is missing or damaged: it is not what the manifest says. Use another backup, or "
        "another copy of this one."
    )
