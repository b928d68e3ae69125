"""Three servers, two workers and many clients, and something of it killed again and again.

A quarter of a minute here; ``FAULT_SECONDS`` says otherwise (`make faults`: ten minutes).
"""

from __future__ import annotations

import json
import os
import random
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
from podium.registry.app import HISTORIES
from podium.registry.outbox import OutboxEvent
from podium.tracker.db import Database
from podium.tracker.schema_history import upgrade
from sqlalchemy import select

from ..keys import new_key
from ..services.postgres import Cluster
from ..services.receiver import Received, receiver
from .clients import check, clients
from .conftest import Measured, Process, replica

_SECONDS = float(os.environ.get("FAULT_SECONDS", "15"))
_CLIENTS = int(os.environ.get("FAULT_CLIENTS", "12"))


def test_random_kills_under_many_clients(
    cluster: Cluster, tmp_path: Path, measured: Measured
) -> None:
    cluster.execute("CREATE DATABASE replicas")
    db = Database(f"{cluster.url}/replicas", pool_size=2)
    upgrade(db, HISTORIES)
    environ = {
        "PODIUM_DATABASE_URL": f"{cluster.url}/replicas",
        "PODIUM_ARTIFACTS": str(tmp_path / "artifacts"),
        "PODIUM_SECRET_KEYS": new_key(),
        "PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8",
    }
    chance, kills = random.Random(5), 0
    with ExitStack() as stack:
        there = stack.enter_context(receiver())
        servers = [stack.enter_context(replica(environ, tmp_path, f"s{n}")) for n in range(3)]
        workers = [Process(("worker",), environ, tmp_path / f"w{n}.log") for n in range(2)]
        for worker in workers:
            worker.start()
            stack.callback(worker.kill)
        for server in servers:
            server.wait()
        _post(servers[0].url, "/api/v1/webhooks", {"name": "all", "url": there.url + "/"})
        urls = [server.url for server in servers]
        with clients(urls, _CLIENTS) as work:
            until = time.monotonic() + _SECONDS
            while time.monotonic() < until:
                work.wait_for(30)
                kills += _kill_one(chance, servers, workers)
            for server in servers:
                server.wait()
            found = check(db, work.finish(120))
        _wait_until_all_is_told(db, there.received)
    delivered = {each.id for each in there.received}
    twice = len(there.received) - len(delivered)
    db.close()
    measured(
        f"{kills} kills in {_SECONDS:.0f} s under {_CLIENTS} clients: {found['acknowledged']} "
        f"acknowledged, all there once; {found['promotions']} promotions, all whole; "
        f"{len(delivered)} events delivered, {twice} of them more than once, none lost; "
        f"{found['cut']} connections cut, {found['503']} times 503"
    )
    assert kills >= min(3, _SECONDS // 15)


def _kill_one(chance: random.Random, servers: list[Process], workers: list[Process]) -> int:
    """kill -9 of a server, of the process in it that answers, or of a worker; it is replaced."""
    victim = chance.choice([*servers, *workers])
    assert victim.process is not None
    if victim in servers and chance.random() < 0.5:
        with suppress(psutil.NoSuchProcess, IndexError):
            psutil.Process(victim.process.pid).children()[0].kill()  # gunicorn makes another
            return 1
    victim.kill()
    victim.start()
    return 1


def _wait_until_all_is_told(db: Database, received: list[Received]) -> None:
    with db.reading() as session:
        events = set(session.scalars(select(OutboxEvent.event_id)))
    deadline = time.monotonic() + 120
    while lacking := events - {each.id for each in received}:
        assert time.monotonic() < deadline, f"{len(lacking)} of {len(events)} were not told"
        time.sleep(0.2)


def _post(url: str, path: str, body: dict[str, str]) -> None:
    request = urllib.request.Request(
        url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 201
