"""Workers that die, sleep or meet: processes of their own, before a receiver on loopback."""

from __future__ import annotations

import ipaddress
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from podium.registry.webhooks import hooks, queue
from podium.registry.webhooks.dispatcher import RECORD_SECONDS, Dispatcher
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.history import Delivered, State
from podium.registry.webhooks.hooks import Hook
from podium.registry.webhooks.queue import LEASE_MS
from podium.registry.webhooks.sender import Answer, HttpSender, Message

from ...crashing import crashes
from ...services.misbehaving import drip, flood, hang, reset, tcp_server
from ...services.podium import environment
from ...services.receiver import Received, Receiver, answer
from .conftest import KEY, Bench, url

LOOPBACK = Guard([ipaddress.ip_network("127.0.0.0/8")])

_WORKER = """
import ipaddress, sys, time
from podium.registry.webhooks.dispatcher import Dispatcher
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.sender import HttpSender
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring

url, key, lease_ms, idle = sys.argv[1:]
db = Database(url, pool_size=3)
sender = HttpSender(Guard([ipaddress.ip_network("127.0.0.0/8")]))
step = globals().get("step", lambda name: None)
worker = Dispatcher(db, sender, Keyring([key]), lease_ms=int(lease_ms), step=step)
quiet = time.monotonic() + float(idle)
while time.monotonic() < quiet:
    if worker.turn():
        worker.finish()
        quiet = time.monotonic() + float(idle)
    time.sleep(0.02)
"""


_POINTS = (
    "spread, not committed",
    "spread",
    "claimed",
    "sent",
    "recorded, not committed",
    "recorded",
)


@pytest.mark.parametrize("models", [("m",), ("m", "n")], ids=["alone", "beside another"])
def test_killed_at_any_point_a_worker_loses_nothing(
    bench: Bench, database_url: str, there: Receiver, models: tuple[str, ...]
) -> None:
    hook = bench.hook(url=there.url)
    told = bench.tell(*models)
    survivor = Dispatcher(bench.db, HttpSender(LOOPBACK), bench.keyring)
    points = []
    # On a busy machine, too, the worker is done with what it has leased.
    for point in crashes(_WORKER, database_url, KEY, "1000", "1"):
        points.append(point)
        drain(survivor, bench, hook, told)
        bodies = {each.id: each.body for each in there.received}
        assert set(bodies) == set(told)
        assert all(each.body == bodies[each.id] for each in there.received)
        told += bench.tell(*models)
    # What two attempts have come to is written together, or for each when it is there.
    assert tuple(points) == _POINTS if len(models) == 1 else set(points) <= set(_POINTS)
    assert {each.id for each in there.received} == set(told)


def drain(survivor: Dispatcher, bench: Bench, hook: Hook, told: list[str]) -> None:
    """Until each event has been delivered, by one delivery, whosever lease has to run out first."""
    deadline = time.monotonic() + 60
    while True:
        log = bench.log(hook)
        if [each.event_id for each in log] == told and not _pending(log):
            return
        survivor.turn()
        survivor.finish()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _pending(log: list[Delivered]) -> bool:
    return any(each.state is State.PENDING for each in log)


def test_a_lease_outlasts_what_is_sent_under_it() -> None:
    """And is left time to write it down: a connection of the pool is waited for so long."""
    longest = RECORD_SECONDS + HttpSender(LOOPBACK).total
    assert 1000 * (longest + 10) <= LEASE_MS


@contextmanager
def worker(database_url: str, lease_ms: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER, database_url, KEY, str(lease_ms), "60"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_worker_that_slept_through_its_lease_writes_nothing(
    bench: Bench, database_url: str, there: Receiver
) -> None:
    """Stopped in the middle of a POST; another takes over; it wakes up, with an answer in hand."""
    in_flight, go = threading.Event(), threading.Event()

    def first_waits(handler: object, received: Received) -> None:
        if not in_flight.is_set():
            in_flight.set()
            go.wait(60)
            answer(500)(handler, received)  # type: ignore[arg-type]
        else:
            answer(200)(handler, received)  # type: ignore[arg-type]

    there.behaviours["/"] = first_waits
    hook = bench.hook(url=there.url + "/")
    with worker(database_url, lease_ms=1_000) as sleeper:
        [event_id] = bench.tell("m")
        assert in_flight.wait(60)
        sleeper.send_signal(signal.SIGSTOP)
        other = Dispatcher(bench.db, HttpSender(LOOPBACK), bench.keyring)
        drain(other, bench, hook, [event_id])
        go.set()
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.stdout is not None
        assert any("lease lost" in line for line in sleeper.stdout)
    assert [each.id for each in there.received] == [event_id, event_id]
    [delivery] = bench.log(hook)
    assert [each.status for each in delivery.attempts] == [200]
    assert hooks.get_webhook(bench.db, hook.webhook_id).failing_since is None


def test_two_workers_share_the_work_and_double_none(
    bench: Bench, database_url: str, there: Receiver
) -> None:
    names = ("a", "b", "c", "d")
    made = {name: bench.hook(name, url=f"{there.url}/{name}") for name in names}
    with worker(database_url, lease_ms=30_000), worker(database_url, lease_ms=30_000):
        told = [each for _ in range(10) for each in bench.tell("m", "n", "o")]
        for name in names:
            there.wait(len(told), f"/{name}", seconds=90)
        deadline = time.monotonic() + 90
        while any(_pending(bench.log(hook)) for hook in made.values()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    for name in names:
        assert [each.id for each in there.at(f"/{name}")] == told


def test_receivers_that_fail_or_hang_delay_no_other(bench: Bench) -> None:
    """More of them than there are threads: half of these are not theirs."""
    release = threading.Event()

    def hang_then_fail(_: object) -> Answer:
        release.wait(60)
        return Answer(500, 5_000)

    bench.dispatcher = Dispatcher(
        bench.db, bench.sender, bench.keyring, threads=4, clock=lambda: bench.now
    )
    bad = [f"bad{number}" for number in range(6)]
    for name in bad:
        bench.hook(name)
        bench.sender.answers[url(name)] = hang_then_fail
    bench.tell("m")
    release.set()
    bench.work()  # now it is known who fails
    release.clear()
    bench.hook("good")
    bench.tell("m")
    bench.now += 10_000
    before, deadline = len(bench.sender.sent), time.monotonic() + 90
    while len(bench.sender.sent) < before + 3:
        bench.dispatcher.turn()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for _ in range(5):
        bench.dispatcher.turn()
    reached = [each.url for each in bench.sender.sent[before:]]
    assert len(reached) == 3, "two that hang, and no third"
    assert url("good") in reached
    release.set()
    bench.dispatcher.finish()


@dataclass
class Bearing:
    """Bears with one receiver for a moment and with all others as long as a machine is slow."""

    briefly: str

    @contextmanager
    def session(self) -> Iterator[Bearing]:
        yield self

    def send(self, message: Message) -> Answer:
        if message.url == self.briefly:
            return HttpSender(LOOPBACK, connect=20, read=0.5, total=1).send(message)
        return HttpSender(LOOPBACK, connect=60, read=60, total=60).send(message)


@pytest.mark.parametrize("behaviour", ["500", "reset", "hang", "redirect", "flood", "drip", "410"])
def test_whatever_one_receiver_does_the_other_hears_in_order(
    sqlite_bench: Bench, there: Receiver, behaviour: str
) -> None:
    bench = sqlite_bench
    sockets = {
        "reset": reset,
        "hang": hang,
        "flood": flood(b"HTTP/1.1 500 No\r\n\r\n", b"x" * 65536),
        "drip": drip(b"HTTP/1.1 200 OK\r\nX: "),
    }
    there.behaviours["/bad"] = {
        "500": answer(500),
        "410": answer(410),
        "redirect": answer(302, Location="http://169.254.169.254/latest/meta-data"),
    }.get(behaviour, answer(500))
    with tcp_server(sockets.get(behaviour, reset)) as port:
        where = f"http://127.0.0.1:{port}" if behaviour in sockets else f"{there.url}/bad"
        bad = bench.hook("bad", url=where)
        bench.hook("good", url=f"{there.url}/good")
        sender = Bearing(where if behaviour in sockets else "")
        dispatcher = Dispatcher(bench.db, sender, bench.keyring, clock=lambda: bench.now)
        told = bench.tell("m", "n", "m")
        deadline = time.monotonic() + 90
        while len(there.at("/good")) < 3 or not bench.log(bad)[0].attempts:
            dispatcher.turn()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        dispatcher.finish()
    assert [each.id for each in there.at("/good")] == told
    [first, *_] = bench.log(bad)
    assert first.state is (State.GIVEN_UP if behaviour == "410" else State.PENDING)
    assert first.count == 1
    assert first.attempts[0].error or first.attempts[0].status in (500, 302, 410)
    assert len(first.attempts[0].body) <= queue.MAX_KEPT_BODY
