"""Where things are in a place of backups, and the manifest that makes one of them believed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from podium.client.errors import BadRequest, NotFound
from podium.client.rules import shown
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath

FORMAT, VERSION = "podium-backup", 1
FILES = "files.jsonl.gz"
BACKUPS, BLOBS = ArtifactPath("backups"), ArtifactPath("blobs")

_MANIFEST = ArtifactPath("manifest.json")
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z(-[0-9]+)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the backup itself. ``rows`` are those of a table, or the files that are listed."""

    size: int
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """``schema`` is the revision of each package's tables; ``numbers`` the last ones given out.

    ``tables`` are in the order in which they are loaded. ``bytes`` is the size of all files.
    ``audit`` is the head of the audit log: number and hash.
    """

    backup_id: str
    taken: int
    podium: str
    schema: Mapping[str, str]
    tables: Mapping[str, Part]
    numbers: Mapping[str, int]
    files: Part
    bytes: int
    audit: str


def of(backup_id: str) -> ArtifactPath:
    """The folder of a backup."""
    return BACKUPS / ArtifactPath(backup_id)


def table_file(backup_id: str, table: str) -> ArtifactPath:
    return of(backup_id) / ArtifactPath(f"{table}.parquet")


def files_file(backup_id: str) -> ArtifactPath:
    return of(backup_id) / ArtifactPath(FILES)


def blob(sha256: str) -> ArtifactPath:
    return BLOBS / ArtifactPath(f"{sha256[:2]}/{sha256}")


def is_backup(place: ArtifactStore) -> bool:
    """Whether backups were made here, whole ones or not."""
    return any(info.is_dir for info in place.list(BACKUPS))


def begun(place: ArtifactStore) -> list[str]:
    """All that were begun, oldest first, finished or not."""
    return [info.path for info in place.list(BACKUPS) if info.is_dir and _ID.fullmatch(info.path)]


def backups(place: ArtifactStore) -> list[str]:
    """The whole ones, oldest first."""
    return [each for each in begun(place) if _has_manifest(place, each)]


def choose(place: ArtifactStore, backup_id: str | None) -> Manifest:
    """That one, or the newest."""
    there = backups(place)
    if backup_id is None and there:
        backup_id = there[-1]
    if backup_id not in there or backup_id is None:
        raise BadRequest(
            f"There is no {'whole backup' if backup_id is None else f'backup {backup_id}'} here. "
            f"There are: {', '.join(there) or 'none'}. Name another place, or make one: "
            "podium backup DEST"
        )
    return read_manifest(place, backup_id)


def write_manifest(place: ArtifactStore, manifest: Manifest) -> None:
    told = {"format": FORMAT, "version": VERSION, **asdict(manifest)}
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    place.put(of(manifest.backup_id) / _MANIFEST, [text.encode()])


def remove_manifest(place: ArtifactStore, backup_id: str) -> None:
    """From here on there is no such backup, whatever else is left of it."""
    place.delete(of(backup_id) / _MANIFEST)


def read_manifest(place: ArtifactStore, backup_id: str) -> Manifest:
    """:class:`BadRequest` says why it is none that this Podium reads."""
    with place.open(of(backup_id) / _MANIFEST) as content:
        data = content.read()
    try:
        found = json.loads(data)
        if found.get("format") != FORMAT or found.get("version") != VERSION:
            raise BadRequest(
                f"Backup {backup_id} is of format {shown(found.get('format'))} "
                f"{shown(found.get('version'))}, this Podium reads {FORMAT} {VERSION}. Install the "
                "Podium that wrote it (pip install --upgrade podium)."
            )
        return Manifest(
            backup_id=backup_id,
            taken=int(found["taken"]),
            podium=str(found["podium"]),
            schema={str(name): str(revision) for name, revision in found["schema"].items()},
            tables={_table(name): _part(part) for name, part in found["tables"].items()},
            numbers={_table(name): int(number) for name, number in found["numbers"].items()},
            files=_part(found["files"]),
            bytes=int(found["bytes"]),
            audit=str(found["audit"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadRequest(
            f"The manifest of backup {backup_id} is damaged. Use another backup: they are listed "
            "by naming one that is not there, with --backup."
        ) from None


def check_sha256(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise ValueError(text)
    return text


def _has_manifest(place: ArtifactStore, backup_id: str) -> bool:
    try:
        place.stat(of(backup_id) / _MANIFEST)
    except NotFound:
        return False
    return True


def _table(name: str) -> str:
    if not _TABLE.fullmatch(name):
        raise ValueError(name)
    return name


def _part(found: Mapping[str, object]) -> Part:
    size, rows = found["size"], found["rows"]
    if type(size) is not int or type(rows) is not int:
        raise ValueError("a part's size and rows are whole numbers")
    return Part(size, check_sha256(str(found["sha256"])), rows)
