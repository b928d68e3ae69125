"""Bringing an installation back from a backup.

Promises: only an empty installation is restored into. Files come first, and all tables in one
transaction at the end: a restore that was cut short leaves a database as empty as it was, and is
done again from the beginning; files that are there already are not copied twice. Each table and
file is compared with its checksum on the way, and the audit log is verified.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from podium.client.errors import BadRequest, NotFound, PodiumError
from podium.tracker.artifacts.base import ArtifactStore, Stored
from podium.tracker.audit import Head
from podium.tracker.audit import verify as verify_audit
from podium.tracker.auth.tables import Invitation
from podium.tracker.db import Database
from podium.tracker.models import Experiment
from podium.tracker.schema_history import History, revisions_of, upgrade_within
from podium.tracker.storage import digests
from sqlalchemy import Connection, delete, exists, inspect, select
from sqlalchemy.orm import Session

from ..transfer.files import several
from ..transfer.load import is_untouched_default
from ..transfer.progress import Progress
from ..transfer.tables import table_of
from . import layout, rows
from .check import fetch_part
from .files import Kept, listed, restore_one
from .layout import Manifest

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """``rows`` is the number of all rows together."""

    manifest: Manifest
    rows: int
    seconds: float


def restore(
    db: Database,
    store: ArtifactStore,
    place: ArtifactStore,
    histories: Sequence[History],
    *,
    backup_id: str | None = None,
    step: Step = lambda _name: None,
) -> Restored:
    """Restore that backup, or the newest one, and bring its schema to this version's."""
    started = time.monotonic()
    manifest = layout.choose(place, backup_id)
    _refuse_unknown(manifest, histories)
    with db.reading() as session:
        _refuse_full(session, manifest, histories)
    with tempfile.TemporaryDirectory(prefix="podium-restore-") as folder:
        work = _Restore(place, manifest, Path(folder), step)
        work.fetch()
        work.put_files(store)
        with db.migrating() as connection:
            loaded = work.load(connection, histories)
            step("the commit")
    step("the end")
    _check_audit(db, manifest)
    return Restored(manifest, loaded, time.monotonic() - started)


class _Restore:
    def __init__(self, place: ArtifactStore, manifest: Manifest, folder: Path, step: Step) -> None:
        self._place = place
        self._manifest = manifest
        self._folder = folder
        self._step = step
        self._progress = Progress()

    def fetch(self) -> None:
        """The tables, into the local folder, each as the manifest says."""
        manifest = self._manifest
        for name, part in manifest.tables.items():
            path = layout.table_file(manifest.backup_id, name)
            fetch_part(self._place, path, part, self._local(name))
        path = layout.files_file(manifest.backup_id)
        fetch_part(self._place, path, manifest.files, self._folder / layout.FILES)

    def put_files(self, store: ArtifactStore) -> None:
        def one(kept: Kept) -> None:
            try:
                restore_one(self._place, store, kept)
            except NotFound:
                raise BadRequest(
                    f"The content of {kept.key!r}, {layout.blob(kept.sha256)}, is not in this "
                    "place: the backup is damaged. Use another copy of it."
                ) from None

        self._step("the files")
        with listed(self._place, self._manifest, self._folder) as files:
            for number, _ in enumerate(several(one, files), 1):
                self._step("a file")
                self._progress.show("files:", number, self._manifest.files.rows)
        self._progress.clear()

    def load(self, connection: Connection, histories: Sequence[History]) -> int:
        """All rows, into the schema they are of, and that up to this version's; how many."""
        upgrade_within(connection, histories, self._manifest.schema)
        tables = rows.reflected(connection, list(self._manifest.tables))
        # What every new database has, and the link for the first admin that a server has made.
        for name in ("experiments", "invitations"):
            if name in tables:
                connection.execute(delete(tables[name]))
        total = 0
        for name, part in self._manifest.tables.items():
            self._step("a table")
            loaded = rows.load(connection, tables[name], self._local(name))
            if loaded != part.rows:
                raise BadRequest(
                    f"{name} of the backup has {loaded} rows, its manifest says {part.rows}: it is "
                    "damaged. Use another copy of it."
                )
            total += loaded
            self._progress.show("rows:", total)
        rows.go_on_counting(connection, list(tables.values()), self._manifest.numbers)
        upgrade_within(connection, histories)
        # A file may have been replaced since the rows were read.
        with listed(self._place, self._manifest, self._folder) as files:
            digests.add_missing(
                connection,
                ((kept.key, Stored(kept.size, bytes.fromhex(kept.sha256))) for kept in files),
            )
        self._progress.clear()
        return total

    def _local(self, table: str) -> Path:
        return self._folder / f"{table}.parquet"


def _refuse_unknown(manifest: Manifest, histories: Sequence[History]) -> None:
    heads = {history.version_table: history.head for history in histories}
    for table, revision in manifest.schema.items():
        if revision > heads.get(table, ""):
            raise BadRequest(
                f"Backup {manifest.backup_id} is of schema {table} {revision}, newer than this "
                f"Podium's {heads.get(table, 'none')}. Install the Podium that made it, "
                f"{manifest.podium} (pip install --upgrade podium)."
            )


def _refuse_full(session: Session, manifest: Manifest, histories: Sequence[History]) -> None:
    """The database has no tables of Podium, or such as nobody has used yet."""
    connection = session.connection()
    found = revisions_of(connection, histories)
    if not found:
        return
    there = set(inspect(connection).get_table_names())
    for table in rows.tables():
        if table.name not in there or table is table_of(Invitation):
            continue
        if table is table_of(Experiment):
            others = session.scalar(select(exists().where(Experiment.id != 0)))
            full = others or not is_untouched_default(session)
        else:
            full = session.execute(select(*table.columns).limit(1)).first() is not None
        if full:
            raise BadRequest(
                f"The database is not empty: it has rows in {table.name}. Restore into a new one; "
                "nothing was changed."
            )
    if found != manifest.schema:
        raise BadRequest(
            f"The database has the tables of schema {'/'.join(found.values())}, the backup is of "
            f"{'/'.join(manifest.schema.values())}. Restore into a database without tables: they "
            "are made as the backup needs them, and then brought to this version."
        )


def _check_audit(db: Database, manifest: Manifest) -> None:
    verdict = verify_audit(db, head=Head.parse(manifest.audit))
    if verdict.broken is not None:
        raise PodiumError(
            f"Everything is restored, but row {verdict.broken} of the audit log is wrong: "
            f"{verdict.reason}. It was so when the backup was made."
        )
