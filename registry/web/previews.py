"""What of a stored file can be shown in a page: text, JSON, tables, images, sound, film.

Tables are CSV, TSV, JSON Lines and Parquet, of which the first rows are read aside (``glimpse``).

HTML is text here; what of it is shown as a page is in a frame without rights (``frames``).
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium.client.errors import BadRequest, NotFound, NotSupported
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

from ..transfer.glimpse import glimpse

_MAX_TEXT = 256 * 1024
_MAX_IMAGE = 20 * 1024 * 1024
_MAX_PARQUET = 32 * 1024 * 1024
_MAX_ROWS, _MAX_CELLS = 200, 50
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp", ".avif")
# What a browser shows or plays by itself, from the file's own address.
_PLAYED = {
    "image": _IMAGES,
    "audio": (".wav", ".mp3", ".ogg", ".oga", ".flac", ".m4a"),
    "video": (".mp4", ".webm", ".ogv"),
}
_PAGES = (".html", ".htm")
_TABLES = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Preview:
    """``kind`` is image, audio, video, page, table, text or none; ``note`` says what is not shown.

    Of a page ``text`` is what is written in it.
    """

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
    if suffix in _IMAGES and size > _MAX_IMAGE:
        return Preview("none", size, note="This image is too large to be shown here.")
    for kind, suffixes in _PLAYED.items():
        if suffix in suffixes:
            return Preview(kind, size)
    if suffix == ".parquet":
        return _parquet(store, path, size)
    with store.open(path, start=0 if size else None, stop=_MAX_TEXT if size else None) as content:
        data = content.read()
    return _written(data, suffix, size)


def _written(data: bytes, suffix: str, size: int) -> Preview:
    """Of what is no picture or sound: text, if it is any. ``data`` is its beginning."""
    whole = len(data) == size
    text = _decoded(data, whole=whole)
    if text is None:
        return Preview("none", size, note="This is no text, so there is nothing to be shown.")
    note = "" if whole else f"Only the first {_MAX_TEXT // 1024} KiB are shown."
    if suffix in _TABLES:
        return _table(text, _TABLES[suffix], size, note)
    if suffix in _LINES:
        return _lines(text, size, note, whole=whole)
    if suffix in _PAGES:
        return Preview("page", size, text=text, note=note)
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


def _lines(text: str, size: int, note: str, *, whole: bool) -> Preview:
    """A row a line, where each is an object: its fields in the order in which they come first."""
    lines = text.splitlines() if whole else text.splitlines()[:-1]
    try:
        found = [json.loads(each) for each in lines[: _MAX_ROWS + 1] if each.strip()]
    except (ValueError, RecursionError):
        found = []
    if not found or not all(isinstance(each, dict) for each in found):
        return Preview("text", size, text=text, note=note)
    head = list(dict.fromkeys(key for each in found for key in each))[:_MAX_CELLS]
    rows = [tuple(head), *(tuple(_cell(each, key) for key in head) for each in found)]
    if len(rows) > _MAX_ROWS:
        note = f"Only the first {_MAX_ROWS} rows are shown."
    return Preview("table", size, rows=tuple(rows[: _MAX_ROWS + 1]), note=note)


def _cell(row: dict[str, Any], key: str) -> str:
    if key not in row:
        return ""
    value = row[key]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet(store: ArtifactStore, path: ArtifactPath, size: int) -> Preview:
    """Its end says what is where, so the whole is needed, as long as it is not too large."""
    if size > _MAX_PARQUET:
        limit = f"{_MAX_PARQUET >> 20} MiB"
        note = f"Parquet is shown up to {limit}. Download this file to read it."
        return Preview("none", size, note=note)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "a.parquet"
        with store.open(path) as content:
            copy.write_bytes(content.read())
        try:
            found = glimpse(copy, rows=_MAX_ROWS, columns=_MAX_CELLS)
        except (BadRequest, NotSupported) as refused:
            return Preview("none", size, note=refused.message)
    parts = [
        f"{shown} of {there:,} {what}"
        for shown, there, what in (
            (len(found.first), found.rows, "rows"),
            (len(found.head), found.columns, "columns"),
        )
        if shown < there
    ]
    note = f"Only the first {' and '.join(parts)} are shown." if parts else ""
    return Preview("table", size, rows=(found.head, *found.first), note=note)


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
