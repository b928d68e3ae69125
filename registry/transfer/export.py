"""Everything of an installation, written into a folder that anybody can read.

Promises: the tables and points are one state of the database, the moment the export began; files
are copied after it, so those of every run in it are there. Memory does not grow with the number of
rows or points. The same data give the same bytes, from whichever database and store they come.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from podium.client.errors import BadRequest, Unavailable
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database
from podium.tracker.metrics import whole
from podium.tracker.metrics.tables import MetricSummary
from podium.tracker.models import Run
from podium.tracker.schema_history import History
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from . import manifest, rows
from .files import copy_out
from .manifest import ARTIFACTS, POINTS, Entry, Header
from .parquet import HashedFile, Row, Writer
from .points import PointsWriter
from .progress import Progress
from .tables import TABLES, WRITERS, TableOf

_ARTIFACT_LINES = "artifacts.unfinished"


def export(
    db: Database, store: ArtifactStore, folder: Path, histories: Sequence[History]
) -> Header:
    """Export into ``folder``, which is made, or is there and empty. Nothing is left on an error."""
    with _filled(folder):
        return _Export(db, store, folder).write(histories)


class _Export:
    def __init__(self, db: Database, store: ArtifactStore, folder: Path) -> None:
        self._db = db
        self._store = store
        self._folder = folder
        self._progress = Progress()
        self._entries: list[Entry] = []
        self._rows: dict[str, int] = {}

    def write(self, histories: Sequence[History]) -> Header:
        with self._db.reading() as session:
            rows.patient(session)
            for table in TABLES:
                self._table(table, rows.read(session, table))
            self._points(session)
        files = size = 0
        # Of these there may be millions: their lines wait in a file.
        with (self._folder / _ARTIFACT_LINES).open("w+", encoding="utf-8") as lines:
            for entry in copy_out(self._store, self._folder):
                lines.write(manifest.entry_line(entry))
                files, size = files + 1, size + entry.size
                self._progress.show("artifacts:", files)
            header = Header(
                schema={history.version_table: history.head for history in histories},
                rows=self._rows | {ARTIFACTS: files},
                files=len(self._entries) + files,
                bytes=sum(entry.size for entry in self._entries) + size,
            )
            lines.seek(0)
            manifest.write(self._folder, header, self._entries, lines)
        (self._folder / _ARTIFACT_LINES).unlink()
        self._progress.clear()
        return header

    def _table(self, table: TableOf, found: Iterator[Row]) -> None:
        with self._table_file(table) as writer:
            for row in found:
                writer.add(row)
                self._progress.show(f"{table.name}:", writer.rows)

    def _points(self, session: Session) -> None:
        """Points and the numbers of their batches, of one run after the other."""
        total, experiment, writer = 0, -1, None
        with self._table_file(WRITERS) as batches:
            for of_experiment, run, run_id in _with_points(session):
                if writer is None or of_experiment != experiment:
                    self._end(writer)
                    experiment, writer = of_experiment, PointsWriter(self._folder, of_experiment)
                for key, pieces in whole.series(session, run):
                    for points in pieces:
                        writer.add(run_id, key, points)
                        total += len(points)
                        self._progress.show("points:", total)
                for numbers in whole.writers(session, run):
                    batches.add((run_id, *numbers))
            self._end(writer)
        self._rows[POINTS] = total

    def _end(self, writer: PointsWriter | None) -> None:
        if writer is not None:
            writer.close()
            self._entries += writer.entries

    @contextmanager
    def _table_file(self, table: TableOf) -> Iterator[Writer]:
        path = f"{table.name}.parquet"
        with HashedFile(self._folder / path) as file:
            writer = Writer(file, table.fields)
            yield writer
            writer.close()
        self._entries.append(Entry(path, file.size, file.sha256, writer.rows))
        self._rows[table.name] = writer.rows


def _with_points(session: Session) -> Iterator[tuple[int, int, str]]:
    """Experiment, number and id of the runs that have points, in the order of their table."""
    logged = exists().where(MetricSummary.run == Run.id)
    order = (Run.experiment_id, Run.start_time, Run.run_id)
    runs = select(Run.experiment_id, Run.id, Run.run_id).where(logged).order_by(*order)
    yield from session.execute(runs.execution_options(yield_per=1000))


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    """The folder, made if need be; on an error it is as it was before."""
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadRequest(f"{folder} is not empty. Name a new folder for the export.")
    except OSError as error:
        raise BadRequest(
            f"{folder} cannot be made: {error.strerror}. Name another folder for the export."
        ) from None
    try:
        yield
        os.sync()
    except BaseException as error:
        _empty(folder, remove=made)
        if isinstance(error, OSError):
            raise _explained(error, folder) from None
        raise


def _empty(folder: Path, *, remove: bool) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink()
    if remove:
        folder.rmdir()


def _explained(error: OSError, folder: Path) -> Unavailable:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            f"The disk of {folder} is full. Free some space or name a folder on another disk."
        )
    return Unavailable(f"{folder} cannot be written to: {error.strerror}. Name another folder.")
