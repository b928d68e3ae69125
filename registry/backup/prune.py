"""Removing old backups from their place, and the contents that no other one has."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from podium.client.errors import BadRequest
from podium.tracker.artifacts.base import ABANDONED_SECONDS, ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.clock import now_ms

from . import layout
from .files import listed


def prune(
    place: ArtifactStore, keep: int, *, step: Callable[[str], None] = lambda _name: None
) -> tuple[str, ...]:
    """Remove all whole backups but the ``keep`` newest; which ones.

    A backup stops being one before its contents go. Contents that were stored within the last day
    stay: they may be of a backup that is being made.
    """
    if keep < 1:
        raise BadRequest(f"--keep is {keep}: keep 1 backup or more.")
    there = layout.backups(place)
    removed = there[:-keep]
    for backup_id in removed:
        layout.remove_manifest(place, backup_id)
        step("a manifest is gone")
        place.delete(layout.of(backup_id))
    needed = _contents(place, there[-keep:])
    old = now_ms() - ABANDONED_SECONDS * 1000
    for file in place.walk(layout.BLOBS):
        if file.modified < old and file.key.rpartition("/")[2] not in needed:
            step("a content goes")
            place.delete(ArtifactPath(file.key))
    return tuple(removed)


def _contents(place: ArtifactStore, backup_ids: list[str]) -> set[str]:
    """The digests of all files of these backups: about 120 bytes of memory each."""
    found: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="podium-backup-") as folder:
        for backup_id in backup_ids:
            with listed(place, layout.read_manifest(place, backup_id), Path(folder)) as files:
                found.update(kept.sha256 for kept in files)
    return found
