"""What of a stored file can be shown in a page: text, JSON, CSV and images, never as HTML."""

from __future__ import annotations

import csv
import io
import itertools
import json
from dataclasses import dataclass

from podium.client.errors import NotFound
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

_MAX_TEXT = 256 * 1024
_MAX_IMAGE = 20 * 1024 * 1024
_MAX_ROWS, _MAX_CELLS = 200, 50
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp", ".avif")
_TABLES = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Preview:
    """``kind`` is image, table, text or none; ``note`` says what is not shown."""

    kind: str
    size: int
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    note: str = ""


def preview(store: ArtifactStore, path: ArtifactPath) -> Preview | None:
    """Of a file; None when there is no file at ``path`` (it may be a folder)."""
    try:
        size = store.stat(path).file_size or 0
    except NotFound:
        return None
    suffix = path.name[path.name.rfind(".") :].lower() if "." in path.name else ""
    if suffix in _IMAGES:
        if size > _MAX_IMAGE:
            return Preview("none", size, note="This image is too large to be shown here.")
        return Preview("image", size)
    with store.open(path, start=0 if size else None, stop=_MAX_TEXT if size else None) as content:
        data = content.read()
    whole = len(data) == size
    text = _decoded(data, whole=whole)
    if text is None:
        return Preview("none", size, note="This is no text, so there is nothing to be shown.")
    note = "" if whole else f"Only the first {_MAX_TEXT // 1024} KiB are shown."
    if suffix in _TABLES:
        return _table(text, _TABLES[suffix], size, note)
    if suffix == ".json" and whole:
        text = _indented(text)
    return Preview("text", size, text=text, note=note)


def _decoded(data: bytes, *, whole: bool) -> str | None:
    """UTF-8 text; where the end was cut off, a character cut in half is left out."""
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        cut = not whole and error.end >= len(data) - 1 and error.start > len(data) - 4
        return data[: error.start].decode() if cut else None


def _table(text: str, delimiter: str, size: int, note: str) -> Preview:
    try:
        lines = csv.reader(io.StringIO(text), delimiter=delimiter)
        rows = tuple(tuple(row[:_MAX_CELLS]) for row in itertools.islice(lines, _MAX_ROWS + 1))
    except csv.Error:
        return Preview("text", size, text=text, note=note)
    if len(rows) > _MAX_ROWS:
        note = f"Only the first {_MAX_ROWS} rows are shown."
    return Preview("table", size, rows=rows[:_MAX_ROWS], note=note)


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
