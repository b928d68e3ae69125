"""How it grows: the same calls at 1 %, 10 % and 100 % of 100,000 runs, 10,000 keys and 10⁹ points.

    make bench-scale        # both databases, some 20 minutes and 8 GB of disk at a time

Writes the tables of docs/capacity.md. The servers and workers are processes of their own, started
anew at each size; what the database holds is made at the block layer (see :mod:`.stock`).
``SCALE_RUNS`` makes it smaller, to try it out: then the page is left alone.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from podium.client import wire
from podium.registry.app import HISTORIES
from podium.tracker.artifacts import open_store
from podium.tracker.db import Database
from podium.tracker.metrics import compact
from podium.tracker.schema_history import upgrade
from podium.tracker.storage.count import count
from sqlalchemy import text

from ..faults.conftest import Process
from ..services import free_ports
from ..services.postgres import postgres_server
from . import load, scale_page
from .peer import memory_mb
from .stock import KEYS, LONG_RUN, RUNS, WIDE_RUN, Stock

pytestmark = pytest.mark.bench

_RUNS = int(os.environ.get("SCALE_RUNS", RUNS))
_PARTS = (0.01, 0.1, 1.0)
_FOUND = Path(__file__).parents[2] / "build" / "scale"
_POSTGRES = {"shared_buffers": "1GB", "max_wal_size": "4GB", "autovacuum": "on"}
_CLIENTS, _SECONDS = 8, 4.0
_MLFLOW = "/api/2.0/mlflow"
Figures = dict[str, float]


@dataclass(frozen=True)
class Place:
    """A database, and how the processes over it are started."""

    kind: str
    url: str
    folder: Path
    pid: int = 0
    """Of PostgreSQL."""

    @contextmanager
    def server(self) -> Iterator[Process]:
        """What a team has: on SQLite `podium up`, else a replica of two processes; it answers."""
        [port] = free_ports(1)
        environ = {"PODIUM_WORKERS": "2", "PODIUM_DATABASE_URL": self.url} | self._files()
        command: tuple[str, ...] = ("server", "--port", str(port))
        if self.kind == "SQLite":
            environ, data = {}, str(self.folder)
            command = ("up", "--port", str(port), "--data", data, "--database", self.url)
        made = Process(command, environ, self.folder / "server.log", f"http://127.0.0.1:{port}")
        made.start()
        try:
            made.wait()
            yield made
        finally:
            made.kill()

    @contextmanager
    def worker(self) -> Iterator[Process | None]:
        """None on SQLite, where `podium up` works itself."""
        if self.kind == "SQLite":
            yield None
            return
        environ = {"PODIUM_DATABASE_URL": self.url} | self._files()
        made = Process(("worker",), environ, self.folder / "worker.log")
        made.start()
        try:
            yield made
        finally:
            made.kill()

    def _files(self) -> dict[str, str]:
        return {"PODIUM_ARTIFACTS": str(self.folder / "artifacts")}

    def size(self, db: Database) -> float:
        """In bytes."""
        if self.kind == "SQLite":
            return sum(each.stat().st_size for each in self.folder.glob("scale.db*"))
        with db.reading() as session:
            asked = text("SELECT pg_database_size(current_database())")
            return float(session.scalar(asked) or 0)


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "SQLite":
        yield Place("SQLite", f"sqlite:///{tmp_path / 'scale.db'}", tmp_path)
        for each in tmp_path.glob("scale.db*"):
            each.unlink()  # not kept with pytest's last three folders
        return
    with postgres_server(durable=True, settings=_POSTGRES) as server:
        yield Place("PostgreSQL", server.create_database("scale"), tmp_path, server.pid)


@pytest.mark.timeout(3600)
def test_growth(place: Place) -> None:
    db, stock = Database(place.url, pool_size=2), Stock.made()
    upgrade(db, HISTORIES)
    sizes: dict[str, Figures] = {}
    points, stored = 0, 1
    for part in _PARTS:
        until, begun = int(_RUNS * part) + 1, time.perf_counter()
        points += stock.fill(db, stored, until)
        stored = until
        seconds = time.perf_counter() - begun
        found = {"runs": until - 1, "keys": KEYS, "points": points, "bytes": place.size(db)}
        found |= {"load": seconds} | _jobs(place, db) | _served(place, until - 1)
        found |= _limits(place.folder) | {"others": os.getloadavg()[0]}
        sizes[f"{part:.0%}"] = found
        _say(place.kind, found)
    db.close()
    _FOUND.mkdir(parents=True, exist_ok=True)
    (_FOUND / f"{place.kind}.json").write_text(json.dumps(sizes, indent=1))
    if _RUNS == RUNS:
        scale_page.write(_FOUND)


def _jobs(place: Place, db: Database) -> Figures:
    """What the worker does every few seconds, with nothing to do, and every hour, in seconds."""
    files = place.folder / "artifacts"
    files.mkdir(exist_ok=True)
    store = open_store(str(files))
    return {
        "compact, nothing due": _median(lambda: compact(db), 5),
        "count, first": _once(lambda: count(db, store)),
        "count, again": _once(lambda: count(db, store)),
    }


def _served(place: Place, runs: int) -> Figures:
    with ExitStack() as stack:
        begun = time.perf_counter()
        server = stack.enter_context(place.server())
        found = {"start": time.perf_counter() - begun}
        worker = stack.enter_context(place.worker())
        time.sleep(3)
        found |= _memory("at rest", server, worker)
        found |= _reads(server.url, runs) | _requests(place, server, runs) | _writes(place, server)
        found |= _memory("after", server, worker)
    return found


def _memory(when: str, *processes: Process | None) -> Figures:
    names = ("web", "worker")
    return {
        f"{name} memory {when}": memory_mb(each.process.pid)
        for name, each in zip(names, processes, strict=True)
        if each is not None and each.process is not None
    }


def _reads(url: str, runs: int) -> Figures:
    """Seconds of what people look at."""
    some = [f"{3 + number * max(1, (runs - 3) // 100):032x}" for number in range(100)]
    search = {"experiment_ids": ["0"], "max_results": 100}
    filtered = {
        **search,
        "filter": "metrics.loss < 2.2 AND params.optimizer = 'adam'",
        "order_by": ["metrics.val_loss ASC"],
    }
    rare = {**search, "filter": "metrics.`layer.0042` > 0", "order_by": ["attributes.start_time"]}
    asked: Mapping[str, Callable[[], object]] = {
        "search, newest 100": lambda: _post(url, f"{_MLFLOW}/runs/search", search),
        "search, filter and order by a metric": lambda: _post(
            url, f"{_MLFLOW}/runs/search", filtered
        ),
        "search, by a rare key": lambda: _post(url, f"{_MLFLOW}/runs/search", rare),
        "page of runs": lambda: _get(url, "/experiments/0"),
        "page of a run": lambda: _get(url, f"/runs/{some[7]}"),
        "chart of 500 points": lambda: _chart(url, [some[3]], "loss"),
        "chart of 100 runs": lambda: _chart(url, some, "loss"),
        "chart of 1M points": lambda: _chart(url, [LONG_RUN], "long"),
        "metrics of a run with every key": lambda: _get(url, f"/api/v1/runs/{WIDE_RUN}/metrics"),
        "storage page": lambda: _get(url, "/operations/storage"),
    }
    found = {}
    for name, call in asked.items():
        begun = time.perf_counter()
        call()
        first = time.perf_counter() - begun
        found[name] = _median(call, 3 if first > 3 else 11)
    return found


def _requests(place: Place, server: Process, runs: int) -> Figures:
    """As many small reads a second as eight connections get, and what one costs."""
    chance = random.Random(runs)
    paths = [f"{_MLFLOW}/runs/get?run_id={chance.randrange(3, runs):032x}" for _ in range(500)]
    return _cost(place, server, "requests", lambda: _rate(server.url, paths))


def _cost(
    place: Place, server: Process, name: str, work: Callable[[], tuple[int, float, float]]
) -> Figures:
    """``work`` gives how many, in how many seconds, and the p95 of one: processor time of each."""
    assert server.process is not None
    pids = {"web": server.process.pid, "database": place.pid}
    before = {each: load.cpu_seconds(pid) for each, pid in pids.items() if pid}
    count, seconds, p95 = work()
    found = {f"{name} a second": count / seconds, f"{name} p95": p95}
    for each, then in before.items():
        found[f"{name} CPU, {each}"] = (load.cpu_seconds(pids[each]) - then) / count
    return found


def _rate(url: str, paths: list[str]) -> tuple[int, float, float]:
    waits: list[float] = []
    until = time.perf_counter() + _SECONDS

    def work(number: int) -> None:
        with closing(load.connect(url)) as connection:
            for turn in itertools.count():
                begun = time.perf_counter()
                if begun > until:
                    return
                connection.request("GET", paths[(number * 61 + turn) % len(paths)])
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200, answer.status
                waits.append(time.perf_counter() - begun)

    _together(work)
    return len(waits), _SECONDS, _p95(waits)


def _writes(place: Place, server: Process) -> Figures:
    """Points a second in large batches and in MLflow's, and how many trainings a replica bears,
    which send one small batch a second each, of ten keys and ten points of each.
    """
    url = server.url
    path = f"/api/v1/runs/{load.new_run(url)}/points"
    large = [(path, body, load.POINTS_TYPE) for body in load.native_batches(20, 50_000)]
    bodies = load.json_batches(load.new_run(url), 40)
    told = [(f"{_MLFLOW}/runs/log-batch", body, "application/json") for body in bodies]
    small = [
        (f"/api/v1/runs/{run}/points", body, load.POINTS_TYPE)
        for batches in zip(*((_small(run, 200)) for run in _new_runs(url)), strict=True)
        for run, body in batches
    ]
    found: Figures = {}
    for name, sent, clients in (("large", large, 1), ("JSON", told, 4), ("small", small, _CLIENTS)):
        found |= _cost(place, server, name, lambda: _sent(url, sent, clients))  # noqa: B023
    return found


def _new_runs(url: str) -> list[str]:
    return [load.new_run(url) for _ in range(_CLIENTS)]


def _sent(url: str, sent: list[tuple[str, bytes, str]], clients: int) -> tuple[int, float, float]:
    waits: list[float] = []

    def work(number: int) -> None:
        with closing(load.connect(url)) as connection:
            for each in sent[number::clients]:
                waits.append(_once(lambda: load.post(connection, *each)))  # noqa: B023

    seconds = _once(lambda: _together(work, clients))
    return len(sent), seconds, _p95(waits)


def _small(run: str, count: int) -> list[tuple[str, bytes]]:
    writer, found = os.urandom(16), []
    for number in range(count):
        columns = [each.tobytes() for each in load.noisy(number * 10, 10)]
        series = tuple(wire.Series(f"key{key}", *columns) for key in range(10))
        found.append((run, wire.encode(wire.Batch(writer, number, series))))
    return found


def _limits(folder: Path) -> Figures:
    """What no server does better here: a bare Flask behind gunicorn, and the disk."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "2"]
    command += ["--threads", "8", "--keep-alive", "75", "--bind", f"127.0.0.1:{port}"]
    log = folder / "bare.log"
    with log.open("ab") as output:
        process = subprocess.Popen([*command, "tests.bench.bare:app"], stdout=output, stderr=output)
    try:
        bare = Process((), {}, log, f"http://127.0.0.1:{port}", process)
        bare.wait()
        answered, seconds, _ = _rate(bare.url, ["/health"])
    finally:
        process.terminate()
        process.wait(30)
    with (folder / "synced").open("wb") as file:
        begun = time.perf_counter()
        for _ in range(500):
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
        synced = 500 / (time.perf_counter() - begun)
    return {"bare requests a second": answered / seconds, "syncs a second": synced}


def _together(work: Callable[[int], None], clients: int = _CLIENTS) -> None:
    wrong: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  (the test tells of it)
            wrong.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def _chart(url: str, runs: list[str], key: str) -> None:
    series = [{"run_id": run, "key": key} for run in runs]
    _post(url, "/api/v1/charts", {"series": series, "width": 1000})


def _post(url: str, path: str, body: Mapping[str, object]) -> None:
    with closing(load.connect(url)) as connection:
        assert load.send(connection, path, json.dumps(body).encode())


def _get(url: str, path: str) -> None:
    with closing(load.connect(url)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.read()
        assert answer.status == 200, (path, answer.status)


def _once(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _median(call: Callable[[], object], times: int) -> float:
    return statistics.median(_once(call) for _ in range(times))


def _p95(found: list[float]) -> float:
    return sorted(found)[int(len(found) * 0.95)]


def _say(kind: str, found: Figures) -> None:
    sys.stderr.write(f"\n{kind}: {json.dumps({k: float(f'{v:.4g}') for k, v in found.items()})}\n")
