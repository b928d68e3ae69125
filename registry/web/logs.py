"""The log files of a run: what its training has stored below ``logs``, the end of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podium.client.entities import FileInfo
from podium.client.errors import NotFound
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

FOLDER = ArtifactPath("logs")
_END = 64 * 1024


@dataclass(frozen=True, slots=True)
class Logs:
    """``text`` is the end of the file ``shown``, from the beginning of a line."""

    files: Sequence[FileInfo]
    shown: FileInfo | None
    text: str
    cut: bool


def look(store: ArtifactStore, root: ArtifactPath, asked: str) -> Logs:
    """The file asked for by its name, else the first; :class:`NotFound` if there is none such."""
    files = [each for each in store.list(root / FOLDER) if not each.is_dir]
    if not files:
        return Logs((), None, "", cut=False)
    chosen = [each for each in files if each.path == asked] if asked else files[:1]
    if not chosen:
        raise NotFound(f"There is no log {asked[:200]!r}. The page without 'file' lists them.")
    [shown] = chosen
    size = shown.file_size or 0
    start = max(0, size - _END)
    path = root / FOLDER / ArtifactPath(shown.path)
    with store.open(path, start=start if size else None, stop=size or None) as content:
        data = content.read()
    if start:
        data = data.partition(b"\n")[2] or data
    return Logs(files, shown, data.decode("utf-8", "replace"), cut=start > 0)
