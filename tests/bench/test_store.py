"""What the store does: take points, keep them small, draw them, find runs."""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from podium.client import wire
from podium.tracker.db import Database
from podium.tracker.metrics import compact_run
from podium.tracker.metrics.tables import MetricBatch, MetricSummary
from podium.tracker.models import Param, Run
from sqlalchemy import insert, select, text

from ..services.mlflow import mlflow_server
from ..services.podium import PodiumServer, podium_up
from ..services.postgres import PostgresServer
from . import load
from .conftest import Figures

pytestmark = pytest.mark.bench

_BATCHES, _PEER_BATCHES = 100, 20
_NATIVE, _NATIVE_SIZE = 60, 50_000
_RUNS, _KEYS = 100_000, 10


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    if request.param == "SQLite":
        return "SQLite", f"sqlite:///{tmp_path / 'bench.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return "PostgreSQL", server.create_database(f"bench_{os.getpid()}_{time.monotonic_ns()}")


def test_ingest(figures: Figures, tmp_path: Path, database: tuple[str, str]) -> None:
    kind, url = database
    with mlflow_server(tmp_path) as peer:
        bodies = load.json_batches(load.new_run(peer.url), _PEER_BATCHES)
        stock = load.send_json(peer.url, peer.pid, bodies, points=_PEER_BATCHES * 1000, threads=4)
    with podium_up(tmp_path / "podium", options=["--database", url]) as server:
        bodies = load.json_batches(load.new_run(server.url), _BATCHES)
        pid = server.process.pid
        warm = load.json_batches(load.new_run(server.url), 5)
        load.send_json(server.url, pid, warm, points=5000, threads=1)
        ours = load.send_json(server.url, pid, bodies, points=_BATCHES * 1000, threads=4)
        run_id = load.new_run(server.url)
        batches = load.native_batches(_NATIVE, _NATIVE_SIZE)
        points = _NATIVE * _NATIVE_SIZE
        native = load.send_native(server.url, pid, run_id, batches, points=points)
    limit = _decode_and_sync(batches, tmp_path / "sync")
    peer_name = "mlflow server, SQLite"
    for what, found in (("JSON log-batch", ours), ("native batches", native)):
        figures.rate(
            f"ingest, {kind}, {what}",
            found.points_per_second,
            stock.points_per_second,
            "pt/s",
            peer_name=peer_name,
        )
        figures.add(
            f"server CPU, {kind}, {what}",
            found.cpu_us_a_point,
            stock.cpu_us_a_point,
            "us/pt",
            peer_name=peer_name,
        )
    figures.rate(
        f"ingest, {kind}, native, of the limit",
        native.points_per_second,
        points / limit,
        "pt/s",
        peer_name="decode + write + fsync",
    )


def test_bytes_a_point(figures: Figures, tmp_path: Path) -> None:
    points = 1_000_000
    data = tmp_path / "podium"
    with podium_up(data) as server:
        run_id = load.new_run(server.url)
        batches = load.native_batches(points // 10_000, 10_000)
        load.send_native(server.url, server.process.pid, run_id, batches, points=points)
    path = data / "podium.db"
    _compact_all(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("VACUUM")
    with mlflow_server(tmp_path) as peer:
        empty = (tmp_path / "mlflow.db").stat().st_size
        bodies = load.json_batches(load.new_run(peer.url), 2 * _PEER_BATCHES)
        count = 2 * _PEER_BATCHES * 1000
        load.send_json(peer.url, peer.pid, bodies, points=count, threads=4)
        with sqlite3.connect(tmp_path / "mlflow.db") as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        theirs = ((tmp_path / "mlflow.db").stat().st_size - empty) / count
    figures.add(
        "on disk after compaction, noisy loss (24 raw)",
        path.stat().st_size / points,
        theirs,
        "B/pt",
        peer_name="mlflow server, SQLite",
    )


def test_charts(figures: Figures, tmp_path: Path) -> None:
    data = tmp_path / "podium"
    with podium_up(data) as server:
        pid = server.process.pid
        long = load.new_run(server.url)
        batches = load.native_batches(20, 50_000)
        load.send_native(server.url, pid, long, batches, points=1_000_000)
        many = [load.new_run(server.url) for _ in range(100)]
        for run_id in many:
            load.send_native(server.url, pid, run_id, load.native_batches(1, 10_000), points=10_000)
        _compact_all(f"sqlite:///{data / 'podium.db'}")
        one = _median_ms(lambda: _chart(server, [long], 1500))
        hundred = _median_ms(lambda: _chart(server, many, 500))
    with mlflow_server(tmp_path) as peer:
        run_id = load.new_run(peer.url)
        bodies = load.json_batches(run_id, _PEER_BATCHES)
        load.send_json(peer.url, peer.pid, bodies, points=_PEER_BATCHES * 1000, threads=4)
        path = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run_id}"
        path += "&metric_key=loss&max_results=1500"

        def draw() -> None:
            with closing(load.connect(peer.url)) as connection:
                connection.request("GET", path)
                assert connection.getresponse().read()

        theirs = _median_ms(draw)
    peer_name = f"mlflow, 1 x {_PEER_BATCHES}k points"
    figures.add("chart of 1M points to 1,500 px", one, theirs, "ms", peer_name=peer_name)
    figures.add("chart of 100 runs x 10k points", hundred, theirs, "ms", peer_name=peer_name)


def test_search(figures: Figures, tmp_path: Path, database: tuple[str, str]) -> None:
    kind, url = database
    with podium_up(tmp_path / "podium", options=["--database", url]) as server:
        _fill(url)
        ours = _median_ms(lambda: _search(server.url))
    with mlflow_server(tmp_path) as peer:
        _fill_peer(tmp_path / "mlflow.db")
        theirs = _median_ms(lambda: _search(peer.url), times=3)
    figures.add(
        f"search and sort 100k runs by a metric, {kind}",
        ours,
        theirs,
        "ms",
        peer_name="mlflow server, SQLite",
    )


def _decode_and_sync(batches: list[bytes], path: Path) -> float:
    """Seconds that no server can save: to read each batch, and to have it on disk."""
    started = time.perf_counter()
    with path.open("wb") as file:
        for batch in batches:
            wire.decode(batch)
            file.write(batch)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - started


def _compact_all(url: str) -> None:
    db = Database(url, pool_size=2)
    with db.reading() as session:
        runs = session.scalars(select(MetricBatch.run).distinct()).all()
    for run in runs:
        while compact_run(db, run):
            pass
    db.close()


def _chart(server: PodiumServer, runs: list[str], width: int) -> None:
    asked = {"series": [{"run_id": run, "key": "loss"} for run in runs], "width": width}
    with closing(load.connect(server.url)) as connection:
        assert load.send(connection, "/api/v1/charts", json.dumps(asked).encode())


def _search(url: str) -> None:
    asked = {
        "experiment_ids": ["0"],
        "filter": "metrics.m3 < 0.5",
        "order_by": ["metrics.m3 ASC"],
        "max_results": 50,
    }
    body = json.dumps(asked).encode()
    with closing(load.connect(url)) as connection:
        found = load.post(connection, "/api/2.0/mlflow/runs/search", body)
    assert len(found["runs"]) == 50


def _median_ms(call: Callable[[], object], *, times: int = 9) -> float:
    call()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found)


def _value(run: int, key: int) -> float:
    return ((run * 2_654_435_761 + key * 40_503) % 1_000_003) / 1_000_003


def _fill(url: str) -> None:
    db = Database(url, pool_size=1)
    for start in range(1, _RUNS + 1, 2000):
        numbers = range(start, start + 2000)
        with db.writing() as session:
            session.execute(
                insert(Run),
                [
                    {
                        "id": number,
                        "run_id": f"{number:032x}",
                        "experiment_id": 0,
                        "name": f"run {number}",
                        "user_id": "",
                        "status": "FINISHED",
                        "start_time": load.START + number,
                        "end_time": load.START + number + 5,
                        "lifecycle_stage": "active",
                        "artifact_uri": "mlflow-artifacts:/0/x",
                    }
                    for number in numbers
                ],
            )
            session.execute(
                insert(Param),
                [
                    {"run": number, "key": f"p{key}", "value": str(number % (key + 2))}
                    for number in numbers
                    for key in range(_KEYS)
                ],
            )
            session.execute(
                insert(MetricSummary),
                [
                    {
                        "run": number,
                        "key": f"m{key}",
                        "last_step": 9,
                        "first_step": 0,
                        "last_timestamp": load.START,
                        "first_timestamp": load.START,
                        "points": 10,
                        **dict.fromkeys(
                            ("last_value", "first_value", "min_value", "max_value"),
                            _value(number, key),
                        ),
                    }
                    for number in numbers
                    for key in range(_KEYS)
                ],
            )
    with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("ANALYZE"))
    db.close()


def _fill_peer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        for start in range(1, _RUNS + 1, 10_000):
            numbers = range(start, start + 10_000)
            connection.executemany(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, "
                "user_id, status, start_time, end_time, source_version, lifecycle_stage, "
                "artifact_uri, experiment_id) VALUES "
                "(?, ?, 'UNKNOWN', '', '', '', 'FINISHED', ?, ?, '', 'active', 'x', 0)",
                [(f"{n:032x}", f"run {n}", load.START + n, load.START + n + 5) for n in numbers],
            )
            connection.executemany(
                "INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?)",
                [(f"{n:032x}", f"p{k}", str(n % (k + 2))) for n in numbers for k in range(_KEYS)],
            )
            connection.executemany(
                "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan) "
                "VALUES (?, ?, ?, ?, 9, 0)",
                [
                    (f"{n:032x}", f"m{k}", _value(n, k), load.START)
                    for n in numbers
                    for k in range(_KEYS)
                ],
            )
        connection.commit()
        connection.execute("ANALYZE")
