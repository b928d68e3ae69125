"""An export, loaded into an installation that is empty, or holds nothing that contradicts it.

Everything is checked before anything is written: each file against the manifest, each row against
what is there. Rows that are there already are left, so an import that was killed is finished by
running it again. Ids, times and the numbers of batches stay what they were.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from podium.client.entities import LifecycleStage
from podium.client.errors import BadRequest, PodiumError
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database
from podium.tracker.models import Experiment, ExperimentTag, Run
from podium.tracker.schema_history import History
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from . import manifest, rows
from .files import copy_in
from .manifest import ARTIFACTS, POINTS, Entry, Header
from .parquet import read_rows
from .points import load_points
from .progress import Progress
from .tables import TABLES, WRITERS, TableOf

_DEFAULT = {"id": 0, "name": "Default"}
_POINTS_FILE = re.compile(rf"{POINTS}/experiment=\d+/part-\d+\.parquet")


def load(db: Database, store: ArtifactStore, folder: Path, histories: Sequence[History]) -> Header:
    """Load the export in ``folder``; its header, whose counts are those that were loaded."""
    _refuse_newer(manifest.read_header(folder), histories)
    progress = Progress()
    header = _verified(folder, progress)
    load = _Load(db, store, folder, progress)
    load.check()
    load.write()
    progress.clear()
    _compare(header, load.loaded)
    return header


def verify(folder: Path) -> Header:
    """Compare every file with the manifest; :class:`BadRequest` names the first that differs."""
    progress = Progress()
    header = _verified(folder, progress)
    progress.clear()
    return header


class _Load:
    def __init__(
        self, db: Database, store: ArtifactStore, folder: Path, progress: Progress
    ) -> None:
        self.loaded: dict[str, int] = {}
        self._db = db
        self._store = store
        self._folder = folder
        self._progress = progress
        listed = set(_parquet(folder))
        self._tables = [each for each in (*TABLES, WRITERS) if f"{each.name}.parquet" in listed]
        self._points = sorted(path for path in listed if _POINTS_FILE.fullmatch(path))
        known = {f"{each.name}.parquet" for each in self._tables} | set(self._points)
        if unknown := sorted(listed - known):
            raise BadRequest(
                f"{folder / unknown[0]} is no file that this Podium knows. "
                "Install the Podium that wrote the export (pip install --upgrade podium)."
            )

    def check(self) -> None:
        """Raise :class:`Conflict` if a row is there and differs."""
        with self._db.reading() as session:
            replaced = is_untouched_default(session)
            for table in self._tables:
                for found in self._rows(table):
                    skip = table.model is Experiment and replaced
                    compared = [row for row in found if not (skip and _is_default(row))]
                    rows.missing(session, table, compared)
                    self._progress.show(f"comparing {table.name}:", len(found))

    def write(self) -> None:
        for table in self._tables:
            self.loaded[table.name] = 0
            for found in self._rows(table):
                with self._db.writing() as session:
                    if table.model is Experiment:
                        _replace_default(session, found)
                    rows.add(session, table, rows.missing(session, table, found))
                self.loaded[table.name] += len(found)
                self._progress.show(f"{table.name}:", self.loaded[table.name])
            with self._db.writing() as session:
                rows.renumber(session, table)
        self.loaded[POINTS] = 0
        for _, paths in itertools.groupby(self._points, key=lambda path: path.rpartition("/")[0]):
            for points in load_points(self._db, [self._folder / path for path in paths]):
                self.loaded[POINTS] += points
                self._progress.show("points:", self.loaded[POINTS])
        self.loaded[ARTIFACTS] = 0
        for _ in copy_in(self._db, self._store, self._folder, manifest.read_entries(self._folder)):
            self.loaded[ARTIFACTS] += 1
            self._progress.show("artifacts:", self.loaded[ARTIFACTS])

    def _rows(self, table: TableOf) -> Iterator[list[rows.NamedRow]]:
        for found in read_rows(self._folder / f"{table.name}.parquet", table.fields):
            yield list(found)


def _verified(folder: Path, progress: Progress) -> Header:
    done = 0

    def seen(entry: Entry) -> None:
        nonlocal done
        done += entry.size
        progress.show("verifying, MB:", done // 1_000_000, header.bytes // 1_000_000)

    header = manifest.read_header(folder)
    return manifest.verify(folder, seen=seen)


def _parquet(folder: Path) -> Iterator[str]:
    for entry in manifest.read_entries(folder):
        if not entry.path.startswith(f"{ARTIFACTS}/"):
            yield entry.path


def _refuse_newer(header: Header, histories: Sequence[History]) -> None:
    heads = {history.version_table: history.head for history in histories}
    for table, revision in header.schema.items():
        if revision > heads.get(table, ""):
            raise BadRequest(
                f"The export is of schema {table} {revision}, newer than this Podium's "
                f"{heads.get(table, 'none')}. Install the Podium that wrote it "
                "(pip install --upgrade podium)."
            )


def _compare(header: Header, loaded: dict[str, int]) -> None:
    for name, count in header.rows.items():
        if loaded.get(name, 0) != count:
            raise PodiumError(
                f"{loaded.get(name, 0)} {name} were loaded, the manifest says {count}. "
                "Run the import again; if that does not help, make a new export."
            )


def is_untouched_default(session: Session) -> bool:
    """Whether experiment 0 is as every new database has it."""
    used = exists().where(Run.experiment_id == Experiment.id)
    tagged = exists().where(ExperimentTag.experiment_id == Experiment.id)
    untouched = select(Experiment.id).where(
        Experiment.id == _DEFAULT["id"],
        Experiment.name == _DEFAULT["name"],
        Experiment.lifecycle_stage == LifecycleStage.ACTIVE,
        ~used,
        ~tagged,
    )
    return session.scalars(untouched).first() is not None


def _is_default(row: rows.NamedRow) -> bool:
    return bool(row["id"] == _DEFAULT["id"])


def _replace_default(session: Session, found: Sequence[rows.NamedRow]) -> None:
    """Experiment 0 is in every database before anything is; the export's takes its place."""
    for row in found:
        if _is_default(row) and is_untouched_default(session):
            session.execute(update(Experiment).where(Experiment.id == row["id"]).values(**row))
