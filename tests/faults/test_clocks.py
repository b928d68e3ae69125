"""Clocks that are put forward and back by a day while everything works.

The time of day of a process, and of PostgreSQL's, is put by a library that is loaded before libc
(``clock.c``): their monotonic clocks go on, as they do when an administrator or NTP sets the time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from podium.registry.app import HISTORIES
from podium.registry.events import EventType
from podium.registry.outbox import OutboxEvent
from podium.tracker.db import Database
from podium.tracker.schema_history import upgrade
from sqlalchemy import select

from ..keys import new_key
from ..services.podium import podium_up
from ..services.postgres import postgres_cluster
from ..services.receiver import Received, receiver
from .clients import check, clients
from .conftest import Measured, Process, replica

_DAY = 86_400


@dataclass(frozen=True)
class Clock:
    """That of the processes that are started with ``environ``."""

    environ: dict[str, str]
    file: Path

    def put(self, seconds: int) -> None:
        """So far from what it really is."""
        written = self.file.with_suffix(".new")
        written.write_text(str(seconds))
        written.chmod(0o644)
        written.rename(self.file)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that PostgreSQL may read, whoever it runs as."""
    made = Path(tempfile.mkdtemp(prefix="podium-clock-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def library(folder: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("No C compiler here. Install it with: apt-get install -y gcc libc6-dev")
    made, source = folder / "clock.so", Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, source], check=True)
    made.chmod(0o755)
    return made


def _clock(library: Path, name: str) -> Clock:
    file = library.with_name(name)
    clock = Clock({"LD_PRELOAD": str(library), "CLOCK_PUT_BY": str(file)}, file)
    clock.put(0)
    return clock


def test_of_a_worker_and_of_the_database(
    library: Path, tmp_path: Path, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_database, of_worker = _clock(library, "database"), _clock(library, "worker")
    with ExitStack() as stack:
        with monkeypatch.context() as patch:
            for name, value in of_database.environ.items():
                patch.setenv(name, value)
            cluster = stack.enter_context(postgres_cluster())
        cluster.execute("CREATE DATABASE clocks")
        db = Database(f"{cluster.url}/clocks", pool_size=2)
        stack.callback(db.close)
        upgrade(db, HISTORIES)
        environ = {
            "PODIUM_DATABASE_URL": f"{cluster.url}/clocks",
            "PODIUM_ARTIFACTS": str(tmp_path / "artifacts"),
            "PODIUM_SECRET_KEYS": new_key(),
            "PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8",
        }
        there = stack.enter_context(receiver())
        server = stack.enter_context(replica(environ, tmp_path, "server"))
        put, other = (
            Process(("worker",), environ | more, tmp_path / f"{name}.log")
            for name, more in (("put", of_worker.environ), ("other", {}))
        )
        put.start()
        stack.callback(put.kill)
        server.wait()
        _post(server.url, "/api/v1/webhooks", {"name": "all", "url": f"{there.url}/"})
        run = _living_run(server.url)
        with clients([server.url]) as work:
            for clock in (of_worker, of_database):
                for seconds in (-_DAY, _DAY):
                    clock.put(seconds)
                    work.wait_for(10)
                    time.sleep(6)  # a turn of the job that ends runs
                if clock is of_worker:
                    put.kill()  # perhaps with a lease that it believes to be tomorrow's
                    other.start()
                    stack.callback(other.kill)
                clock.put(0)
                work.wait_for(10)
            found = check(db, work.finish())
        told = _all_told(db, there.received)
        assert not _ended(db, run)
    measured(
        f"clocks of a worker and of PostgreSQL put by a day, both ways: {found['acknowledged']} "
        f"acknowledged, all there once; {told} events delivered; no run taken for dead"
    )


def test_of_a_laptop(library: Path, tmp_path: Path, measured: Measured) -> None:
    clock = _clock(library, "laptop")
    environ = {**clock.environ, "PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8"}
    with receiver() as there, podium_up(tmp_path / "data", environ=environ) as server:
        db = Database(f"sqlite:///{tmp_path / 'data' / 'podium.db'}", pool_size=1)
        _post(server.url, "/api/v1/webhooks", {"name": "all", "url": f"{there.url}/"})
        run = _living_run(server.url)
        clock.put(_DAY)
        _make_model(server.url, "tomorrow")
        _all_told(db, there.received)
        time.sleep(6)  # a turn of the job that ends runs
        dead = _living_run(server.url, for_seconds=6)
        clock.put(0)
        _make_model(server.url, "today")
        begun = time.monotonic()
        while not _ended(db, dead):
            assert time.monotonic() - begun < 120, "a dead run is waited for until tomorrow"
            time.sleep(0.2)
        _all_told(db, there.received)
        assert not _ended(db, run)
        db.close()
    measured("a laptop's put by a day and back: no run taken for dead, a dead one is not missed")


def _living_run(url: str, *, for_seconds: int = 900) -> str:
    """One that has given a sign of life, and has so long for the next."""
    told = _post(url, "/api/2.0/mlflow/runs/create", {"experiment_id": "0"})
    run = str(json.loads(told)["run"]["info"]["run_id"])
    _post(url, f"/api/v1/runs/{run}/heartbeat", {"interval": for_seconds / 1.5})
    return run


def _make_model(url: str, name: str) -> None:
    _post(url, "/api/2.0/mlflow/registered-models/create", {"name": name})


def _ended(db: Database, run: str) -> bool:
    """Whether it is, or ever was, taken for dead."""
    with db.reading() as session:
        events = session.scalars(
            select(OutboxEvent.data).where(OutboxEvent.type == EventType.RUN_STATE_CHANGED)
        )
        return any(json.loads(event)["run_id"] == run for event in events)


def _all_told(db: Database, received: list[Received]) -> int:
    """How many events there are, once the receiver has them."""
    with db.reading() as session:
        events = set(session.scalars(select(OutboxEvent.event_id)))
    deadline = time.monotonic() + 60
    while lacking := events - {each.id for each in received}:
        assert time.monotonic() < deadline, f"{len(lacking)} of {len(events)} were not told"
        time.sleep(0.1)
    return len(events)


def _post(url: str, path: str, body: dict[str, object]) -> bytes:
    request = urllib.request.Request(
        url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: bytes = answer.read()
        return found
