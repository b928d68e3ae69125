"""Fifty clients in eight processes that are killed, again and again, over PostgreSQL.

All of them want the two exclusive stages of one model: one directly, the other by request, approval
and a gate that the worker opens. Whatever has been answered is so afterwards, and the past is one
that could have happened one step after the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from podium.client.promotion import TransitionKind
from podium.registry import promotion
from podium.registry.promotion import policies, read, stage_sets
from podium.registry.promotion.again import Review
from podium.registry.promotion.gates import Outside
from podium.tracker.auth import accounts
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from .checker import check_audit, check_events, check_history
from .conftest import Team, acting

# For longer: PODIUM_KILLING_SECONDS=600 .venv/bin/pytest tests/registry/promotion/test_killed.py
SECONDS = float(os.environ.get("PODIUM_KILLING_SECONDS", "6"))
CLIENTS, PROCESSES = 50, 8

# One process forks the others: importing takes longer than what is to be interrupted.
_KILLING = """
import os, random, signal, sys, threading, time

import structlog
from sqlalchemy.orm import configure_mappers
from podium.client.errors import BadRequest, Conflict, Unavailable
from podium.registry import promotion
from podium.registry.promotion import read
from podium.registry.promotion.again import Review
from podium.registry.promotion.gates import Outside
from podium.tracker.auth.caller import Caller, Visit, begin
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

url, name, seconds, clients, processes = sys.argv[1:3] + [float(each) for each in sys.argv[3:]]
clients, processes = int(clients), int(processes)
end = time.monotonic() + seconds
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


WAYS = [live] * 5 + [shadow] * 4 + [agree] * 4 + [refuse, back]


def client(db, version):
    dice = random.Random()
    while time.monotonic() < end:
        try:
            dice.choice(WAYS)(db, version, dice)
        except (BadRequest, Conflict, Unavailable):
            pass  # somebody was faster; a deadlock would be a 503, and there is to be none
        except Exception as error:
            os.write(2, repr(error).encode())
            os._exit(1)


def work(db):
    review = Review(db, Outside(), anonymous=False)
    while time.monotonic() < end:
        review.turn()
        time.sleep(0.05)


def child(number):
    db = Database(url, pool_size=6)
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
while time.monotonic() < end - 0.5:
    time.sleep(random.uniform(0.05, 0.4))
    number = random.randrange(processes)
    os.kill(running[number], signal.SIGKILL)
    _, status = os.waitpid(running[number], 0)
    if status != signal.SIGKILL:
        sys.exit(f"a process had ended by itself with {status}")
    killed += 1
    running[number] = start(number)
for pid in running:
    _, status = os.waitpid(pid, 0)
    if status:
        sys.exit(f"a process ended with {status}")
os.write(1, f"killed {killed}\\n".encode())
"""


def test_who_is_killed_takes_nothing_with_him(new_database: Callable[[str], str]) -> None:
    url = new_database("postgresql")
    db = Database(url, pool_size=4)
    try:
        team = prepared(db)
        answered, killed = killing(team, url)
        while Review(db, Outside(), anonymous=False).turn():
            pass  # what the last of the killed was about to do
        steps = check_history(db, team.name, "Live", "Shadow")
        check_events(db, team.name, steps)
        check_audit(db, team.name, steps)
        came = {step.request: step for step in steps if step.kind is TransitionKind.MOVED}
        for request, version, stage in answered:
            assert (came[request].version, came[request].after) == (version, stage)
        assert killed >= SECONDS
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


def prepared(db: Database) -> Team:
    for name, role in (("ada", Role.EDITOR), ("bo", Role.APPROVER)):
        accounts.create(db, name=name, role=role)
    team = Team(db)
    exclusive = [{"name": each, "exclusive": True} for each in ("Live", "Shadow")]
    stages = [{"name": "None"}, *exclusive, {"name": "Archived"}]
    stage_sets.set_stages(db, team.name, {"stages": stages})
    old_enough = {"gate": "age", "at_least_hours": SECONDS / 2 / 3600}
    policies.set_policy(db, team.name, "Shadow", {"approvals": 1, "gates": [old_enough]})
    numbers = [team.version() for _ in range(CLIENTS)]
    for version in numbers[:8]:
        with acting("ada"):
            asked = promotion.promote(db, name=team.name, version=version, stage="Shadow")
        with acting("bo"):
            promotion.approve(db, name=team.name, request_id=asked.id)
    return team


def killing(team: Team, url: str) -> tuple[list[tuple[int, int, str]], int]:
    """What was answered that it is done, as (request, version, stage), and how many were killed."""
    arguments = [str(each) for each in (SECONDS, CLIENTS, PROCESSES)]
    done = subprocess.run(
        [sys.executable, "-c", _KILLING, url, team.name, *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS + 90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    answered = [line.split() for line in lines]
    return [(int(a), int(b), c) for a, b, c in answered], int(last.split()[1])
