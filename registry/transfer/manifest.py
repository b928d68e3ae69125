"""The manifest of an export: what files there are, how large, with which digest.

``manifest.jsonl`` is JSON, one object a line: first the header, then every file in the order in
which an export writes them. It is written last, so a folder without one is no export.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from podium.client.errors import BadRequest
from podium.client.rules import fault_of_path, shown

NAME = "manifest.jsonl"
FORMAT, VERSION = "podium-export", 1
ARTIFACTS, POINTS = "artifacts", "points"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One file; ``rows`` of a Parquet file."""

    path: str
    size: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """``schema`` is the revision of each package's tables, ``rows`` the total of each table."""

    schema: Mapping[str, str]
    rows: Mapping[str, int]
    files: int
    bytes: int


def write(
    folder: Path, header: Header, entries: Iterable[Entry], more_lines: Iterable[str]
) -> None:
    with (folder / NAME).open("x", encoding="utf-8") as file:
        file.write(_line({"format": FORMAT, "version": VERSION, **asdict(header)}))
        file.writelines(entry_line(entry) for entry in entries)
        file.writelines(more_lines)


def entry_line(entry: Entry) -> str:
    return _line({name: value for name, value in asdict(entry).items() if value is not None})


def read_header(folder: Path) -> Header:
    """:class:`BadRequest` says why this folder is no export that this Podium reads."""
    with _lines(folder) as lines:
        found = next(lines, None)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BadRequest(f"{folder / NAME} is no manifest of a Podium export. Name another folder.")
    version = found.get("version")
    if version != VERSION:
        raise BadRequest(
            f"{folder} is an export of format {shown(version)}, this Podium reads {VERSION}. "
            "Install the Podium that wrote it (pip install --upgrade podium)."
        )
    try:
        return Header(
            schema={str(name): str(revision) for name, revision in found["schema"].items()},
            rows={str(name): _count(count) for name, count in found["rows"].items()},
            files=_count(found["files"]),
            bytes=_count(found["bytes"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _damaged(folder, 1) from None


def read_entries(folder: Path) -> Iterator[Entry]:
    """Every file of the manifest, its path known to lead nowhere but into the folder."""
    with _lines(folder) as lines:
        next(lines, None)
        for number, found in enumerate(lines, 2):
            try:
                entry = Entry(
                    str(found["path"]),
                    _count(found["size"]),
                    str(found["sha256"]),
                    None if "rows" not in found else _count(found["rows"]),
                )
            except (KeyError, TypeError, ValueError):
                raise _damaged(folder, number) from None
            if fault := fault_of_path(entry.path):
                raise BadRequest(
                    f"{folder / NAME}, line {number}: the path {shown(entry.path)} {fault}. "
                    "No export has such a file: do not trust this one."
                )
            if not _SHA256.fullmatch(entry.sha256):
                raise _damaged(folder, number)
            yield entry


def verify(folder: Path, *, seen: Callable[[Entry], None] = lambda _entry: None) -> Header:
    """Read every file and compare it; :class:`BadRequest` names the first that is not as written.

    Memory grows with the number of files, a few hundred bytes each.
    """
    header = read_header(folder)
    there = dict(_walk(folder, ""))
    del there[NAME]
    files = size = 0
    for entry in read_entries(folder):
        found = there.pop(entry.path, None)
        if found is None:
            raise BadRequest(
                f"{folder / entry.path} is missing, or twice in the manifest. "
                "Copy the export again, or make a new one."
            )
        if found != entry.size or digest(folder / entry.path) != entry.sha256:
            raise BadRequest(
                f"{folder / entry.path} is damaged: it is not what {NAME} says ({entry.size} bytes"
                f", sha256 {entry.sha256[:12]}…). Copy the export again, or make a new one."
            )
        files, size = files + 1, size + entry.size
        seen(entry)
    if there:
        raise BadRequest(
            f"{folder / min(there)} is not in the manifest. Remove it, or make a new export."
        )
    if (files, size) != (header.files, header.bytes):
        raise BadRequest(
            f"{folder / NAME} is cut short: it lists {files} files of {header.files}. "
            "Copy the export again."
        )
    return header


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    """Every file below the folder and its size. Nothing in it may be a link or a device."""
    with os.scandir(folder / prefix) as entries:
        for entry in entries:
            path = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder, path + "/")
            elif entry.is_file(follow_symlinks=False):
                yield path, entry.stat(follow_symlinks=False).st_size
            else:
                raise BadRequest(
                    f"{folder / path} is a link or no file at all. No export has such: "
                    "remove it, or copy the export again."
                )


@contextmanager
def _lines(folder: Path) -> Iterator[Iterator[Any]]:
    """The objects of the manifest's lines."""
    try:
        file = (folder / NAME).open("rb")
    except OSError as error:
        raise BadRequest(
            f"{folder} holds no {NAME} that can be read ({error.strerror}): it is no export of "
            "Podium, or one that did not finish. Name another folder, or export again."
        ) from None
    with file:
        yield (_parsed(folder, number, line) for number, line in enumerate(file, 1))


def _parsed(folder: Path, number: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise _damaged(folder, number) from None


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=False) + "\n"


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(value)
    return value


def _damaged(folder: Path, number: int) -> BadRequest:
    return BadRequest(
        f"{folder / NAME} is damaged at line {number}. Copy the export again, or make a new one."
    )
