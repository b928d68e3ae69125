"""Making a backup of an installation that goes on working.

Promises: the tables are one state of the database, the moment the backup began; files are copied
after it, so those of everything in the tables are there. The manifest is written last: a backup
that was cut short is none, and what it has stored serves the next one. Memory does not grow.
"""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from podium.client.version import __version__
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.audit.chain import head
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.schema_history import History
from sqlalchemy.orm import Session

from ..transfer.manifest import digest
from ..transfer.progress import Progress
from ..transfer.rows import patient
from . import layout, rows
from .files import Kept, copy, listed
from .layout import Manifest, Part
from .prune import prune

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Taken:
    """``copied`` is how many files had a content that was new in the place, and ``copied_bytes``
    its size; ``removed`` are the older backups that were more than should be kept.
    """

    manifest: Manifest
    copied: int
    copied_bytes: int
    removed: tuple[str, ...] = ()


def backup(
    db: Database,
    store: ArtifactStore,
    place: ArtifactStore,
    histories: Sequence[History],
    *,
    keep: int | None = None,
    step: Step = lambda _name: None,
) -> Taken:
    """Back everything up into ``place``; with ``keep``, remove all but so many of the newest.

    ``step`` is told what is about to be done, for tests that end the process there.
    """
    with tempfile.TemporaryDirectory(prefix="podium-backup-") as folder:
        made = _Backup(db, store, place, Path(folder), step)
        manifest = made.write(histories)
    removed: tuple[str, ...] = ()
    if keep is not None:
        removed = prune(place, keep, step=step)
    return Taken(manifest, made.copied, made.copied_bytes, removed)


class _Backup:
    def __init__(
        self, db: Database, store: ArtifactStore, place: ArtifactStore, folder: Path, step: Step
    ) -> None:
        self.copied = self.copied_bytes = 0
        self._db = db
        self._store = store
        self._place = place
        self._folder = folder
        self._step = step
        self._progress = Progress()
        there = layout.backups(place)
        self._before = layout.read_manifest(place, there[-1]) if there else None
        self._id = _new_id(layout.begun(place))

    def write(self, histories: Sequence[History]) -> Manifest:
        taken = now_ms()
        with self._db.reading() as session:
            patient(session)
            numbers = rows.last_numbers(session)
            audit = str(head(session))
            tables = dict(self._tables(session))
        files, size = self._files()
        manifest = Manifest(
            backup_id=self._id,
            taken=taken,
            podium=__version__,
            schema={history.version_table: history.head for history in histories},
            tables=tables,
            numbers=numbers,
            files=files,
            bytes=size,
            audit=audit,
        )
        self._step("the manifest")
        layout.write_manifest(self._place, manifest)
        self._step("the end")
        self._progress.clear()
        return manifest

    def _tables(self, session: Session) -> Iterator[tuple[str, Part]]:
        for table in rows.tables():
            self._step("a table")
            path = self._folder / f"{table.name}.parquet"
            file, count = rows.dump(session, table, path)
            self._put(layout.table_file(self._id, table.name), path, file.size, file.sha256)
            path.unlink()
            self._progress.show(f"{table.name}:", count)
            yield table.name, Part(file.size, file.sha256, count)

    def _files(self) -> tuple[Part, int]:
        """The list of all files, and their size together."""
        count = size = 0
        path = self._folder / layout.FILES
        with ExitStack() as stack:
            before: Iterator[Kept] = iter(())
            if self._before is not None:
                before = stack.enter_context(listed(self._place, self._before, self._folder))
            lines = stack.enter_context(gzip.open(path, "wt", encoding="utf-8"))
            for kept, new in copy(self._store, self._place, before):
                self._step("a file")
                lines.write(kept.line())
                count, size = count + 1, size + kept.size
                if new:
                    self.copied, self.copied_bytes = self.copied + 1, self.copied_bytes + kept.size
                self._progress.show("files:", count)
        sha256 = digest(path)
        part = Part(path.stat().st_size, sha256, count)
        self._put(layout.files_file(self._id), path, part.size, sha256)
        return part, size

    def _put(self, path: ArtifactPath, local: Path, size: int, sha256: str) -> None:
        with local.open("rb") as file:
            self._place.put(path, file, length=size, sha256=bytes.fromhex(sha256))


def _new_id(taken: Collection[str]) -> str:
    """When it began, UTC. The newest is the last of all, even if the clock was put back."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    last = max(taken, default="")
    if last < now:
        return now
    moment, _, number = last.partition("-")
    return f"{moment}-{int(number or 1) + 1:04}"
