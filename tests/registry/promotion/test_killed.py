"""Fifty clients in eight processes that are killed, again and again, over PostgreSQL.

All of them want the two exclusive stages of one model: one directly, the other by request, approval
and a gate that the worker opens. Webhooks hear of it and are changed meanwhile. Whatever has been
answered is so afterwards, the past is one that could have happened one step after the other, and
nobody had to be ended for waiting in a circle.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable

from podium.client.promotion import TransitionKind
from podium.registry import promotion
from podium.registry.outbox import OutboxEvent
from podium.registry.promotion import policies, read, stage_sets
from podium.registry.promotion.again import Review
from podium.registry.promotion.gates import Outside
from podium.registry.webhooks import hooks
from podium.registry.webhooks.dispatcher import Dispatcher
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.hooks import Changes, Status
from podium.registry.webhooks.matching import wants
from podium.registry.webhooks.payloads import Payload
from podium.registry.webhooks.tables import Delivery, Webhook
from podium.tracker.auth import accounts
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from sqlalchemy import select, text

from ..webhooks.conftest import FakeSender
from .checker import check_audit, check_events, check_history
from .conftest import Team, acting

# For longer: PODIUM_KILLING_SECONDS=600 .venv/bin/pytest tests/registry/promotion/test_killed.py
SECONDS = float(os.environ.get("PODIUM_KILLING_SECONDS", "6"))
CLIENTS, PROCESSES = 50, 8
KEY = base64.urlsafe_b64encode(bytes(32)).decode()

# One process forks the others: importing takes longer than what is to be interrupted.
_KILLING = """
import mmap, os, random, signal, sys, threading, time
from contextlib import contextmanager

import structlog
from sqlalchemy.orm import configure_mappers
from podium.client.errors import BadRequest, Conflict, Unavailable
from podium.registry import promotion
from podium.registry.promotion import read
from podium.registry.promotion.again import Review
from podium.registry.promotion.gates import Outside
from podium.registry.webhooks import hooks
from podium.registry.webhooks.dispatcher import Dispatcher
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.history import list_deliveries, replay
from podium.registry.webhooks.hooks import Changes, Status
from podium.registry.webhooks.sender import Answer
from podium.tracker.auth.caller import Caller, Visit, begin
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring

url, name, key = sys.argv[1:4]
seconds, (clients, processes) = float(sys.argv[4]), (int(each) for each in sys.argv[5:])
end = time.monotonic() + seconds
over = mmap.mmap(-1, 1)  # of all processes: not 0 when they are to end
keyring = Keyring([key])
configure_mappers()
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def become(who, role):
    begin(Visit(Caller(who, role=role)))


def told(version, promoted):
    if promoted.id and promoted.done:
        os.write(1, f"{promoted.id} {version} {promoted.stage}\\n".encode())


def live(db, version, dice):
    become("ada", Role.EDITOR)
    told(version, promotion.promote(db, name=name, version=version, stage="Live"))


def shadow(db, version, dice):
    become("ada", Role.EDITOR)
    told(version, promotion.promote(db, name=name, version=version, stage="Shadow"))


def agree(db, version, dice):
    become("bo", Role.APPROVER)
    waiting = read.list_requests(db, name, status="WAITING").items
    if waiting:
        one = dice.choice(waiting)
        found = promotion.approve(db, name=name, request_id=one.id)
        told(one.version, found)


def refuse(db, version, dice):
    become("bo", Role.APPROVER)
    waiting = read.list_requests(db, name, status="WAITING").items
    if len(waiting) > 5:
        promotion.reject(db, name=name, request_id=dice.choice(waiting).id, reason="too many")


def back(db, version, dice):
    become("bo", Role.APPROVER)
    promotion.roll_back(db, name=name, stage=dice.choice(["Live", "Shadow"]))


def change(db, version, dice):
    become("root", Role.ADMIN)
    hook = dice.choice(hooks.list_webhooks(db).items).webhook_id
    hooks.update_webhook(db, keyring, Guard(), hook, wanted=Changes(status=Status.ACTIVE))
    hooks.rotate_secret(db, keyring, hook)
    for each in list_deliveries(db, hook, max_results=1).items:
        replay(db, hook, each.delivery_id)


WAYS = [live] * 5 + [shadow] * 4 + [agree] * 4 + [change] * 2 + [refuse, back]


class Receivers:
    # All of them at once; now and then one is gone.

    @contextmanager
    def session(self):
        yield self

    def send(self, message):
        return Answer(410 if random.random() < 0.05 else 200, 1)


def client(db, version):
    dice = random.Random()
    while not over[0]:
        try:
            dice.choice(WAYS)(db, version, dice)
        except (BadRequest, Conflict, Unavailable):
            pass  # somebody was faster, or all are slow; of deadlocks the database knows
        except Exception as error:
            os.write(2, repr(error).encode())
            os._exit(1)


def work(db):
    review = Review(db, Outside(), anonymous=False)
    worker = Dispatcher(db, Receivers(), keyring, threads=2, lease_ms=1_000)
    while not over[0]:
        try:
            review.turn()
            worker.turn()
        except Unavailable:
            pass  # all are slow: the worker's next turn does what this one has not done
        time.sleep(0.05)
    worker.finish()


def child(number):
    db = Database(url, pool_size=8)
    mine = range(number + 1, clients + 1, processes)
    threads = [threading.Thread(target=client, args=(db, version)) for version in mine]
    threads.append(threading.Thread(target=work, args=(db,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os._exit(0)


def start(number):
    pid = os.fork()
    if pid == 0:
        random.seed()
        child(number)
    return pid


running = [start(number) for number in range(processes)]
killed = 0
while time.monotonic() < end or killed < seconds:
    time.sleep(random.uniform(0.05, 0.4))
    number = random.randrange(processes)
    os.kill(running[number], signal.SIGKILL)
    _, status = os.waitpid(running[number], 0)
    if status != signal.SIGKILL:
        sys.exit(f"a process had ended by itself with {status}")
    killed += 1
    running[number] = start(number)
over[0] = 1
for pid in running:
    _, status = os.waitpid(pid, 0)
    if status:
        sys.exit(f"a process ended with {status}")
"""


def test_who_is_killed_takes_nothing_with_him(new_database: Callable[[str], str]) -> None:
    url = new_database("postgresql")
    db = Database(url, pool_size=4)
    try:
        team = prepared(db)
        answered = killing(team, url)
        while Review(db, Outside(), anonymous=False).turn():
            pass  # what the last of the killed was about to do
        steps = check_history(db, team.name, "Live", "Shadow")
        check_events(db, team.name, steps)
        check_audit(db, team.name, steps)
        check_deliveries(db)
        came = {step.request: step for step in steps if step.kind is TransitionKind.MOVED}
        for request, version, stage in answered:
            assert (came[request].version, came[request].after) == (version, stage)
        assert {step.after for step in came.values()} == {"Live", "Shadow"}
        waiting = read.list_requests(db, team.name, status="WAITING", max_results=1000).items
        assert not any(each.approvals for each in waiting), "the worker has done its part"
        # Whoever was killed holds nothing any more.
        with acting("root"):
            assert promotion.promote(
                db, name=team.name, version=team.version(), stage="Live", override="enough"
            ).done
    finally:
        db.close()
    assert deadlocks(url) == 0


def prepared(db: Database) -> Team:
    for name, role in (("ada", Role.EDITOR), ("bo", Role.APPROVER)):
        accounts.create(db, name=name, role=role)
    team = Team(db)
    exclusive = [{"name": each, "exclusive": True} for each in ("Live", "Shadow")]
    stages = [{"name": "None"}, *exclusive, {"name": "Archived"}]
    stage_sets.set_stages(db, team.name, {"stages": stages})
    old_enough = {"gate": "age", "at_least_hours": SECONDS / 2 / 3600}
    policies.set_policy(db, team.name, "Shadow", {"approvals": 1, "gates": [old_enough]})
    for each in ("a", "b", "c"):
        hooks.create_signed(
            db,
            Keyring([KEY]),
            Guard(),
            wanted=Changes(name=each, url=f"https://{each}.example"),
            payload=Payload.PODIUM,
        )
    numbers = [team.version() for _ in range(CLIENTS)]
    for version in numbers[:8]:
        with acting("ada"):
            asked = promotion.promote(db, name=team.name, version=version, stage="Shadow")
        with acting("bo"):
            promotion.approve(db, name=team.name, request_id=asked.id)
    return team


def killing(team: Team, url: str) -> list[tuple[int, int, str]]:
    """What was answered that it is done, as (request, version, stage)."""
    arguments = [KEY, *(str(each) for each in (SECONDS, CLIENTS, PROCESSES))]
    done = subprocess.run(
        [sys.executable, "-c", _KILLING, url, team.name, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS + 300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answered = [line.split() for line in done.stdout.splitlines()]
    return [(int(a), int(b), c) for a, b, c in answered]


def check_deliveries(db: Database) -> None:
    """Each webhook hears of each event by one delivery, whoever was killed and for how long ever it
    was switched off.
    """
    keyring = Keyring([KEY])
    for hook in hooks.list_webhooks(db).items:
        wanted = Changes(status=Status.ACTIVE)
        hooks.update_webhook(db, keyring, Guard(), hook.webhook_id, wanted=wanted)
    worker = Dispatcher(db, FakeSender(), keyring)
    waiting = select(Delivery.id).where(Delivery.state == "PENDING").limit(1)
    deadline = time.monotonic() + 120
    while True:
        worker.turn()
        worker.finish()
        with db.reading() as session:
            if session.scalar(waiting) is None:
                break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with db.reading() as session:
        told = session.execute(
            select(Delivery.webhook, Delivery.event).where(~Delivery.replay)
        ).all()
        expected = [
            (hook.id, event.id)
            for hook in session.scalars(select(Webhook))
            for event in session.scalars(select(OutboxEvent))
            if wants(hook, event)
        ]
    assert sorted(tuple(each) for each in told) == sorted(expected)


def deadlocks(url: str) -> int:
    """How many the database has ended; who was in one says so at the latest when he is gone."""
    others = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid != pg_backend_pid()"
    )
    count = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    db = Database(url, pool_size=1)
    deadline = time.monotonic() + 120
    try:
        while True:
            with db.reading() as session:
                if not session.scalar(others):
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with db.reading() as session:
            return int(session.scalar(count) or 0)
    finally:
        db.close()
