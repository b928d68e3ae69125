"""Events on their way out, beside MLflow's pool of threads; and what a death leaves of each."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from podium.registry import outbox
from podium.registry.app import HISTORIES
from podium.registry.events import registered_model_tag_set
from podium.registry.webhooks import hooks
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.hooks import Changes
from podium.registry.webhooks.payloads import Payload
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from podium.tracker.networks import parse_networks
from podium.tracker.schema_history import upgrade

from ..keys import new_key
from ..services.podium import PODIUM, environment, podium_up
from ..services.postgres import PostgresServer, postgres_server
from ..services.receiver import Receiver, answer, receiver
from .conftest import Figures

pytestmark = pytest.mark.bench

_EVENTS = int(os.environ.get("BENCH_EVENTS", "10000"))  # times webhooks: messages
_HOOKS = 10
_TOLD = max(1, _EVENTS // _HOOKS)
_PEER = "mlflow's pool of 10 threads"

# The part of MLflow that its handlers call after each change, in a process of its own.
_MLFLOW = """
import sys, time
from mlflow.entities.webhook import WebhookEvent
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.webhooks.delivery import deliver_webhook

database, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = SqlAlchemyStore(database)
event = WebhookEvent.from_str("model_version_tag.set")
for number in range(10):
    store.create_webhook(f"hook{number}", f"{url}/{number}", [event], secret="secret")
payload = {"name": "m", "version": "1", "key": "k", "value": "v"}
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    deliver_webhook(event=event, payload={**payload, "value": str(number)}, store=store)
print("told", flush=True)
sys.stdin.readline()
"""


@contextmanager
def mlflow_pool(folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _MLFLOW, f"sqlite:///{folder / 'mlflow.db'}", url, str(_TOLD)],
        env={
            **environment(),
            "_MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
            "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
            "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        _say(process, expect="ready")
        yield process
    finally:
        process.kill()
        process.communicate()


def _say(process: subprocess.Popen[str], *, expect: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == expect:
            return
    raise AssertionError(f"MLflow did not say {expect!r}")


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@contextmanager
def worker(settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*PODIUM, "worker"], env={**environment(), **settings}, stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        assert any(b"worker started" in line for line in process.stderr)
        yield process
    finally:
        process.kill()
        process.communicate()


class Ours:
    """A database with ten webhooks to one receiver."""

    def __init__(self, server: PostgresServer, folder: Path, url: str) -> None:
        name = f"bench_{os.getpid()}_{time.monotonic_ns()}"
        database, key = server.create_database(name), new_key()
        self.settings = {
            "PODIUM_DATABASE_URL": database,
            "PODIUM_ARTIFACTS": str(folder / "artifacts"),
            "PODIUM_SECRET_KEYS": key,
            "PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8",
        }
        self.db = Database(database, pool_size=2)
        upgrade(self.db, HISTORIES)
        guard = Guard(parse_networks(["127.0.0.0/8"], "x"))
        for number in range(_HOOKS):
            hooks.create_signed(
                self.db,
                Keyring([key]),
                guard,
                wanted=Changes(name=f"hook{number}", url=f"{url}/{number}"),
                payload=Payload.PODIUM,
            )

    def tell(self) -> None:
        for start in range(0, _TOLD, 100):
            with self.db.writing() as session:
                for number in range(start, min(start + 100, _TOLD)):
                    told = registered_model_tag_set(name=f"m{number % 20}", key="k", value="v")
                    outbox.emit(session, told)


def _until(condition: Callable[[], bool], seconds: float = 600) -> float:
    started = time.perf_counter()
    while not condition():
        assert time.perf_counter() - started < seconds
        time.sleep(0.005)
    return time.perf_counter() - started


def _distinct(there: Receiver) -> int:
    return len({(each.path, each.body) for each in list(there.received)})


def test_ten_thousand_messages(figures: Figures, tmp_path: Path) -> None:
    messages = _TOLD * _HOOKS
    with receiver() as there, mlflow_pool(tmp_path, there.url) as process:
        _go(process)
        stock = messages / _until(lambda: len(there.received) >= messages)
    with postgres_server(durable=True) as server, receiver() as there, ExitStack() as workers:
        ours = Ours(server, tmp_path, there.url)
        for _ in range(2):
            workers.enter_context(worker(ours.settings))
        ours.tell()
        rate = messages / _until(lambda: len(there.received) >= messages)
        assert [each.id for each in there.at("/0")] == sorted(each.id for each in there.at("/0"))
        ours.db.close()
    figures.rate(f"webhooks, {messages} messages", rate, stock, "1/s", peer_name=_PEER)


def test_what_a_death_leaves(figures: Figures, tmp_path: Path) -> None:
    """Killed with half of the messages sent, and started again."""
    messages = _TOLD * _HOOKS
    with receiver() as there, mlflow_pool(tmp_path, there.url) as process:
        _go(process)
        _until(lambda: len(there.received) >= messages // 2)
        process.kill()
        process.wait()
        time.sleep(1)
        stock_lost = messages - _distinct(there)
    with postgres_server(durable=True) as server, receiver() as there:
        ours = Ours(server, tmp_path, there.url)
        ours.tell()
        with worker(ours.settings) as one, worker(ours.settings) as other:
            _until(lambda: len(there.received) >= messages // 2)
            one.kill()
            other.kill()
        with worker(ours.settings):
            _until(lambda: _distinct(there) >= messages)
            twice = len(there.received) - messages
        ours.db.close()
    lost = messages - _distinct(there)
    figures.add(f"lost of {messages} by kill -9", lost, stock_lost, "msg", peer_name=_PEER)
    figures.add("sent twice after it", twice, 0, "msg", peer_name=_PEER)


def test_from_the_event_to_its_first_attempt(figures: Figures, tmp_path: Path) -> None:
    """Beside one POST to the same receiver, which is the least that it could take."""
    with (
        receiver() as there,
        podium_up(tmp_path / "podium", environ={"PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8"}) as server,
    ):
        there.behaviours["/plain"] = answer(204)

        def post(url: str, body: bytes) -> float:
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as found:
                found.read()
            return time.time()

        made = f'{{"name": "a", "url": "{there.url}/hook"}}'
        post(f"{server.url}/api/v1/webhooks", made.encode())
        waits, plain = [], []
        for number in range(50):
            body = f'{{"name": "m{number}"}}'.encode()
            answered = post(f"{server.url}/api/2.0/mlflow/registered-models/create", body)
            waits.append(there.wait(number + 1, "/hook")[number].at - answered)
            started = time.time()
            plain.append(post(f"{there.url}/plain", b"{}") - started)
            time.sleep(0.037)  # at every phase of the worker's turns
    for what, choose in (("p50", statistics.median), ("worst", max)):
        figures.add(
            f"event to first attempt, {what}",
            1000 * choose(waits),
            1000 * choose(plain),
            "ms",
            peer_name="one POST",
        )
