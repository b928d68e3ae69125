"""A large database, made at the block layer: what a year of trainings would have left behind.

Logging a billion points takes longer than anybody waits for a benchmark. So a thousand series of
500 points are made, encoded to blocks as compaction does it, and stored again and again under other
runs and keys: rows, indexes, summaries and bytes on the disk are really there, and really decoded
when they are read; only the values repeat. Nothing is thinned out or estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podium.client import wire
from podium.tracker.db import Database
from podium.tracker.metrics.columns import Columns
from podium.tracker.metrics.compact import block_row
from podium.tracker.metrics.table import PointTable
from podium.tracker.metrics.tables import MetricBlock, MetricSummary
from podium.tracker.models import Base, Param, Run, Tag
from psycopg import sql
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from . import load

RUNS, KEYS = 100_000, 10_000
POINTS_A_SERIES, SERIES_A_RUN = 500, 20
LONG = 1_000_000
# Of the widest run, which has every key, and of the longest.
WIDE_RUN, LONG_RUN = f"{1:032x}", f"{2:032x}"

_COMMON = ("loss", "val_loss", "accuracy", "val_accuracy", "lr", "grad_norm", "f1", "auc", "mae")
_MADE = 1000
_RUNS_A_COMMIT = 500
_HOUR = 3_600_000


@dataclass(frozen=True)
class Stock:
    """The series, each as a row of blocks and one of summaries, without run and key."""

    blocks: tuple[Mapping[str, Any], ...]
    summaries: tuple[Mapping[str, Any], ...]
    long: tuple[Mapping[str, Any], ...]
    long_summary: Mapping[str, Any]

    @classmethod
    def made(cls) -> Stock:
        pairs = [_series(number, POINTS_A_SERIES) for number in range(_MADE)]
        long, long_summary = _series(_MADE, LONG)
        return cls(
            tuple(rows[0] for rows, _ in pairs),
            tuple(summary for _, summary in pairs),
            tuple(long),
            long_summary,
        )

    def fill(self, db: Database, first: int, last: int) -> int:
        """Store runs number ``first`` to ``last``, excluded; how many points they have."""
        points = 0
        for start in range(first, last, _RUNS_A_COMMIT):
            with db.writing() as session:
                points += self._store(session, range(start, min(start + _RUNS_A_COMMIT, last)))
        with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("ANALYZE"))
        return points

    def _store(self, session: Session, numbers: Sequence[int]) -> int:
        made = insert(Run).returning(Run.id, sort_by_parameter_order=True)
        ids = session.scalars(made, [_run(number) for number in numbers]).all()
        pairs = list(zip(ids, numbers, strict=True))
        _insert(session, Param, [row for pair in pairs for row in _params(*pair)])
        _insert(session, Tag, [row for pair in pairs for row in _tags(*pair)])
        wanted = [(id_, key, which) for id_, n in pairs for key, which in _keys(n)]
        blocks = [{**self.blocks[which], "run": id_, "key": key} for id_, key, which in wanted]
        rows = [{**self.summaries[which], "run": id_, "key": key} for id_, key, which in wanted]
        for id_, number in pairs:
            if f"{number:032x}" == LONG_RUN:
                blocks += [{**row, "run": id_, "key": "long"} for row in self.long]
                rows.append({**self.long_summary, "run": id_, "key": "long"})
        _insert(session, MetricBlock, blocks)
        _insert(session, MetricSummary, rows)
        return sum(int(row["points"]) for row in rows)


def _insert(session: Session, table: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """By COPY where there is one: it takes a third of the time."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        session.execute(insert(table), rows)
        return
    names = list(rows[0])
    types = [table.__table__.columns[name].type.compile(connection.dialect) for name in names]
    copying = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table.__tablename__), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    cursor = connection.connection.cursor()
    with cursor.copy(copying) as copy:
        copy.set_types([each.partition("(")[0].lower() for each in types])
        for row in rows:
            copy.write_row([row[name] for name in names])


def _series(number: int, count: int) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    steps, times, values = load.noisy(number * count, count)
    columns = Columns(steps - steps[0], times, values)
    rows: list[Mapping[str, Any]] = [
        block_row(0, "", columns.take(slice(start, start + 65_536)))
        for start in range(0, count, 65_536)
    ]
    packed = (columns.steps.tobytes(), columns.timestamps.tobytes(), columns.values.tobytes())
    [summary] = PointTable.of_series([wire.Series("", *packed)]).summaries()
    return rows, summary


def _run(number: int) -> dict[str, Any]:
    start = load.START + number * 300_000
    return {
        "run_id": f"{number:032x}",
        "experiment_id": 0,
        "name": f"run {number}",
        "user_id": f"user-{number % 50}",
        "status": "FINISHED" if number % 20 else "FAILED",
        "start_time": start,
        "end_time": start + _HOUR,
        "lifecycle_stage": "active",
        "artifact_uri": f"mlflow-artifacts:/0/{number:032x}/artifacts",
    }


def _params(run: int, number: int) -> Iterator[dict[str, Any]]:
    values = {
        "lr": f"{10 ** -(number % 5)}",
        "batch": str(2 ** (number % 8)),
        "optimizer": ("adam", "sgd", "lamb")[number % 3],
        "seed": str(number),
        "model": f"model-{number % 40}",
    }
    return ({"run": run, "key": key, "value": value} for key, value in values.items())


def _tags(run: int, number: int) -> Iterator[dict[str, Any]]:
    values = {"mlflow.runName": f"run {number}", "team": f"team-{number % 12}"}
    return ({"run": run, "key": key, "value": value} for key, value in values.items())


def _keys(number: int) -> Iterator[tuple[str, int]]:
    """Of a run its keys, each with the number of a series: common ones, and some of all."""
    rare = KEYS - len(_COMMON)
    if f"{number:032x}" == WIDE_RUN:
        chosen: Sequence[int] = range(rare)
    else:
        count = SERIES_A_RUN - len(_COMMON)
        chosen = [(number * count + index) % rare for index in range(count)]
    for index, key in enumerate(_COMMON):
        yield key, (number * 31 + index * 7) % _MADE
    for each in chosen:
        yield f"layer.{each:04d}", (number + each) % _MADE
