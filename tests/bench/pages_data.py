"""The same runs in Podium's tables and in MLflow's, written as rows: by REST it would take hours.

Experiments of ten, a thousand and a hundred thousand runs, each run with ten params, ten metrics
and the tags that MLflow's client sets; of the newest hundred of each also the points. And a run
with ten thousand metrics. A server's experiments are made by its REST call, so that they are as it
makes them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from podium.client import wire
from podium.tracker.db import Database
from podium.tracker.metrics import compact_run
from psycopg import sql
from sqlalchemy import make_url

from . import load

SIZES = (10, 1_000, 100_000)
KEYS = 10
WIDE = 10_000
CHARTED = 100  # the newest of each experiment, which have points
POINTS, WIDE_POINTS = 500, 20
_AT_ONCE = 2000
_SUMMARY = (
    *("run", "key", "last_value", "first_value", "min_value", "max_value"),
    *("last_step", "last_timestamp", "first_step", "first_timestamp", "points"),
)
Values = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Run:
    """``metrics`` are the values at steps 0, 1, …; a run without points has but one of each.

    ``number`` counts all runs from 1, in the order they began.
    """

    number: int
    experiment: int
    metrics: Values

    @property
    def run_id(self) -> str:
        # As those of UUIDs, not in the order of the starts.
        return f"{self.number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"

    @property
    def name(self) -> str:
        return f"run {self.number}"

    @property
    def start(self) -> int:
        return load.START + self.number * 60_000

    @property
    def files(self) -> str:
        return f"mlflow-artifacts:/{self.run_id}"

    @property
    def params(self) -> list[tuple[str, str]]:
        return [(f"p{key}", str(self.number % (key + 2))) for key in range(KEYS)]

    @property
    def tags(self) -> list[tuple[str, str]]:
        of_client = {"user": "ada", "runName": self.name, "source.name": "train.py"}
        return [(f"mlflow.{key}", value) for key, value in of_client.items()]


@dataclass(frozen=True, slots=True)
class Loaded:
    """Experiment ids by their size, and that of the wide run, with ids of runs that have points."""

    experiments: dict[int, str]
    wide: str
    wide_run: str
    charted: list[str]  # of the thousand, the newest first


def fill_podium(server: str, database: str) -> Loaded:
    """``database`` is the URL of the one that ``server`` has."""
    found = _experiments(server)
    with _Store(database) as store:
        for runs in _portions(found):
            store.insert(
                "runs",
                "id run_id experiment_id name user_id status start_time end_time lifecycle_stage "
                "artifact_uri",
                (
                    (
                        *(run.number, run.run_id, run.experiment, run.name, "ada", "FINISHED"),
                        *(run.start, run.start + 50_000, "active", run.files),
                    )
                    for run in runs
                ),
            )
            for table in ("params", "tags"):
                rows = ((run.number, *pair) for run in runs for pair in getattr(run, table))
                store.insert(table, "run key value", rows)
            store.insert("metric_summaries", " ".join(_SUMMARY), _summaries(runs))
            store.insert(
                "metric_batches",
                "run received points data",
                (_batch(run) for run in runs if len(run.metrics["m0"]) > 1),
            )
        if store.postgres:
            store.execute("SELECT setval(pg_get_serial_sequence('runs', 'id'), max(id)) FROM runs")
    db = Database(database, pool_size=1)
    for run in _charted():
        while compact_run(db, run):
            pass
    db.close()
    _analyze(database)
    return found


def fill_mlflow(server: str, database: str) -> Loaded:
    """``database`` is the URL of the one that ``server`` has."""
    found = _experiments(server)
    with _Store(database) as store:
        for runs in _portions(found):
            store.insert(
                "runs",
                "run_uuid name source_type source_name entry_point_name user_id status start_time "
                "end_time source_version lifecycle_stage artifact_uri experiment_id",
                (
                    (
                        *(run.run_id, run.name, "LOCAL", "train.py", "", "ada", "FINISHED"),
                        *(run.start, run.start + 50_000, "", "active", run.files, run.experiment),
                    )
                    for run in runs
                ),
            )
            for table in ("params", "tags"):
                rows = ((run.run_id, *pair) for run in runs for pair in getattr(run, table))
                store.insert(table, "run_uuid key value", rows)
            store.insert(
                "latest_metrics",
                "run_uuid key value timestamp step is_nan",
                (
                    (run.run_id, key, float(of[-1]), run.start + len(of) - 1, len(of) - 1, False)
                    for run in runs
                    for key, of in run.metrics.items()
                ),
            )
            store.insert(
                "metrics",
                "run_uuid key value timestamp step is_nan",
                (
                    (run.run_id, key, value, run.start + step, step, False)
                    for run in runs
                    for key, values in run.metrics.items()
                    for step, value in enumerate(values.tolist())
                ),
            )
    _analyze(database)
    return found


def _experiments(server: str) -> Loaded:
    made = {}
    with closing(load.connect(server)) as connection:
        for name in (*map(str, SIZES), "wide"):
            body = json.dumps({"name": f"{name} runs"}).encode()
            answer = load.post(connection, "/api/2.0/mlflow/experiments/create", body)
            made[name] = str(answer["experiment_id"])
    last = sum(SIZES[:2])
    return Loaded(
        {size: made[str(size)] for size in SIZES},
        made["wide"],
        Run(sum(SIZES) + 1, 0, {}).run_id,
        [Run(last - each, 0, {}).run_id for each in range(CHARTED)],
    )


def _charted() -> Iterator[int]:
    last = 0
    for size in SIZES:
        last += size
        yield from range(max(last - CHARTED, last - size) + 1, last + 1)
    yield last + 1


def _portions(found: Loaded) -> Iterator[list[Run]]:
    """All runs, some at a time; the same ones whenever it is called."""
    chance = np.random.default_rng(9)
    number = 0
    for size in SIZES:
        experiment = int(found.experiments[size])
        for first in range(0, size, _AT_ONCE):
            many = min(_AT_ONCE, size - first)
            values = chance.random((many, KEYS, 1))
            portion = []
            for index in range(many):
                number += 1
                metrics = {f"m{key}": values[index, key] for key in range(KEYS)}
                if first + index >= size - CHARTED:
                    metrics = {key: _curve(chance, POINTS) for key in metrics}
                portion.append(Run(number, experiment, metrics))
            yield portion
    metrics = {f"m{key}": _curve(chance, WIDE_POINTS) for key in range(WIDE)}
    yield [Run(number + 1, int(found.wide), metrics)]


def _curve(chance: np.random.Generator, points: int) -> NDArray[np.float64]:
    falls = np.exp(-np.arange(points) / (points / 4))
    return np.asarray(falls * chance.uniform(0.5, 2) + chance.normal(0, 0.02, points))


def _summaries(runs: Iterable[Run]) -> Iterator[tuple[object, ...]]:
    for run in runs:
        for key, of in run.metrics.items():
            last, first, low, high = (float(each) for each in (of[-1], of[0], of.min(), of.max()))
            end = len(of) - 1
            yield (
                run.number,
                key,
                last,
                first,
                low,
                high,
                end,
                run.start + end,
                0,
                run.start,
                end + 1,
            )


def _batch(run: Run) -> tuple[object, ...]:
    series = []
    for key, values in run.metrics.items():
        steps = np.arange(len(values), dtype=np.int64)
        columns = (steps, steps + run.start, values)
        series.append(wire.Series(key, *(column.tobytes() for column in columns)))
    batch = wire.Batch(bytes(16), 0, tuple(series))
    return run.number, run.start, batch.points, wire.encode(batch, compress=False)


class _Store:
    """Rows into tables by the fastest way each database has, committed with the ``with``."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.postgres = parsed.get_backend_name() == "postgresql"
        self._connection: Any
        if self.postgres:
            plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(plain)
        else:
            assert parsed.database
            self._connection = sqlite3.connect(parsed.database, timeout=60)

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *error: object) -> None:
        with closing(self._connection):
            if error == (None, None, None):
                self._connection.commit()

    def insert(self, table: str, columns: str, rows: Iterable[Sequence[object]]) -> None:
        names = columns.split()
        if not self.postgres:
            places = ", ".join("?" * len(names))
            text = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})"
            self._connection.executemany(text, rows)
            return
        command = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            for row in rows:
                copy.write_row(row)

    def execute(self, statement: str) -> None:
        self._connection.execute(statement)


def _analyze(url: str) -> None:
    """As autovacuum does it on PostgreSQL, and a worker on SQLite."""
    with _Store(url) as store:
        if store.postgres:
            store.execute("COMMIT")
            store.execute("ANALYZE")
        else:
            store.execute("ANALYZE")
