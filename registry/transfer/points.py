"""Points in an export: Parquet files by experiment, every point bit for bit and as it arrived.

    points/experiment=<id>/part-00000.parquet    run_id, key, step, timestamp, value

By the start of the run, its id, the key (by code point), and then in the order of arrival.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from podium.client.errors import Conflict
from podium.tracker.db import Database
from podium.tracker.metrics import Columns, whole
from podium.tracker.metrics.tables import MetricSummary
from podium.tracker.models import Run
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .fields import INTEGER, NUMBER, TEXT, Field
from .manifest import POINTS, Entry
from .parquet import HashedFile, Writer, read_columns, repeated

FIELDS = (
    Field("run_id", TEXT, False, "run_id"),
    Field("key", TEXT, False, "key"),
    Field("step", INTEGER, False, "step"),
    Field("timestamp", INTEGER, False, "timestamp"),
    Field("value", NUMBER, False, "value"),
)
ROWS_A_GROUP = 131_072
GROUPS_A_FILE = 64


class PointsWriter:
    """The files of one experiment. Memory holds one row group."""

    def __init__(self, folder: Path, experiment: int) -> None:
        self.entries: list[Entry] = []
        self._folder = folder
        self._prefix = f"{POINTS}/experiment={experiment}"
        self._held: list[tuple[str, str, Columns]] = []
        self._count = 0
        self._groups = 0
        self._open: tuple[str, HashedFile, Writer] | None = None

    def add(self, run_id: str, key: str, points: Columns) -> None:
        at = 0
        while at < len(points):
            piece = points.take(slice(at, at + ROWS_A_GROUP - self._count))
            self._held.append((run_id, key, piece))
            self._count += len(piece)
            at += len(piece)
            if self._count == ROWS_A_GROUP:
                self._flush()

    def close(self) -> None:
        if self._held:
            self._flush()
        self._end_file()

    def _flush(self) -> None:
        held, self._held, self._count = self._held, [], 0
        sizes = [len(points) for _, _, points in held]
        points = Columns.join([points for _, _, points in held])
        if self._open is None:
            path = f"{self._prefix}/part-{len(self.entries):05}.parquet"
            file = HashedFile(self._folder / path)
            self._open = path, file, Writer(file, FIELDS)
        self._open[2].add_group(
            [
                repeated([run_id for run_id, _, _ in held], sizes),
                repeated([key for _, key, _ in held], sizes),
                points.steps,
                points.timestamps,
                points.values,
            ]
        )
        self._groups += 1
        if self._groups == GROUPS_A_FILE:
            self._end_file()

    def _end_file(self) -> None:
        if self._open is None:
            return
        path, file, writer = self._open
        writer.close()
        file.close()
        self.entries.append(Entry(path, file.size, file.sha256, writer.rows))
        self._open, self._groups = None, 0


def load_points(db: Database, paths: Sequence[Path]) -> Iterator[int]:
    """Store the points of one experiment's files; yields how many, after every run.

    A run is one transaction. One that has as many points already is left as it is, so that an
    import can be run again; :class:`Conflict` when it has more or fewer.
    """
    series = _series(paths)
    for run_id, of_run in itertools.groupby(series, key=lambda each: each[0]):
        yield _load_run(db, run_id, of_run)


def _load_run(db: Database, run_id: str, series: Iterator[tuple[str, str, Columns]]) -> int:
    with db.writing() as session:
        run, there = _counted(session, run_id)
        if there:
            total = sum(len(points) for _, _, points in series)
            if total != there:
                raise Conflict(
                    f"Run {run_id} has {there} points here and {total} in the export. "
                    "Import into an empty installation."
                )
            return total
        return sum(
            whole.store(session, run, key, (points for _, _, points in pieces))
            for key, pieces in itertools.groupby(series, key=lambda each: each[1])
        )


def _counted(session: Session, run_id: str) -> tuple[int, int]:
    run = session.scalars(select(Run.id).where(Run.run_id == run_id)).one()
    counted = select(func.coalesce(func.sum(MetricSummary.points), 0))
    return run, int(session.scalars(counted.where(MetricSummary.run == run)).one())


def _series(paths: Sequence[Path]) -> Iterator[tuple[str, str, Columns]]:
    """Stretches of points of one run and key, in the order of the files."""
    for path in paths:
        for run_ids, keys, steps, timestamps, values in read_columns(path, FIELDS):
            points = Columns(steps, timestamps, values)
            changes = [
                at
                for at in range(1, len(keys))
                if keys[at] != keys[at - 1] or run_ids[at] != run_ids[at - 1]
            ]
            for start, end in itertools.pairwise([0, *changes, len(keys)]):
                yield run_ids[start], keys[start], points.take(slice(start, end))
