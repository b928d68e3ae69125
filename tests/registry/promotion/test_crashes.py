"""kill -9 at every step of a promotion: all of it is there afterwards, or nothing.

A step is a statement that changes something, the commit, or the moment after it, so that no step is
forgotten when another is added. Each crash is that of a process of its own.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest
from podium.registry.models import ModelVersion
from podium.registry.outbox import OutboxEvent
from podium.registry.promotion.tables import ApprovalRow, CommentRow, RequestRow, TransitionRow
from podium.tracker import audit
from podium.tracker.auth import accounts
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database
from sqlalchemy import func, select

from .conftest import Team, acting
from .test_requests import PRODUCTION, asked, set_policy

# One process for all points: it forks for each, since importing takes longer than the work.
_CRASHING = """
import json, os, signal, sys

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, configure_mappers
from podium.registry import promotion
from podium.registry.models import ModelVersion
from podium.registry.promotion import hooks
from podium.registry.promotion.tables import CommentRow
from podium.tracker.auth.caller import Caller, Visit, begin
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

url, name, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
calls = json.loads(sys.argv[5])


def launch(session, decided):  # stands for what another part writes along
    version = session.query(ModelVersion).filter_by(version=decided.entered.version).one()
    session.add(CommentRow(version=version.id, author="launch", comment="row", created=1))
    session.flush()


hooks.HOOKS.append(launch)
configure_mappers()


def child(crash):
    steps = 0

    def step(*_):
        nonlocal steps
        steps += 1
        if steps == crash:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(_connection, _cursor, statement, *_):
        if not statement.startswith(("SELECT", "BEGIN", "PRAGMA")):
            step()

    event.listen(Engine, "before_cursor_execute", execute)
    event.listen(Engine, "commit", step)
    event.listen(Session, "after_commit", step)
    begin(Visit(Caller(calls["who"], role=Role(calls["role"]))))
    db = Database(url, pool_size=1)
    getattr(promotion, calls["call"])(db, name=name, **calls["arguments"])
    os._exit(0)


for crash in range(first, last):
    pid = os.fork()
    if pid == 0:
        child(crash)
    _, status = os.waitpid(pid, 0)
    print(crash, status, flush=True)
    if sys.stdin.readline().strip() != "on":
        break
"""


class Crashes:
    """The processes that die, one after another."""

    def __init__(self, db: Database, url: str, call: str, who: str, role: int, **arguments: Any):
        told = {"call": call, "who": who, "role": role, "arguments": arguments}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CRASHING, url, "digits", "1", "500", json.dumps(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def next(self) -> tuple[int, int]:
        """Of the process that was to die at this step: the step, and how it ended."""
        assert self._process.stdout is not None
        point, status = self._process.stdout.readline().split()
        return int(point), int(status)

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("on\n")
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


def traces(db: Database) -> dict[str, Any]:
    """Everything a promotion leaves."""
    with db.reading() as session:
        found: dict[str, Any] = {
            table.__tablename__: session.scalar(select(func.count()).select_from(table))
            for table in (TransitionRow, OutboxEvent, CommentRow, ApprovalRow)
        }
        found["stages"] = session.scalars(
            select(ModelVersion.stage).order_by(ModelVersion.version)
        ).all()
        found["requests"] = session.scalars(select(RequestRow.status).order_by(RequestRow.id)).all()
    found["audit"] = [row["action"] for row in audit.search(db, max_results=1000).items]
    return found


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("way", ["promote", "approve", "roll_back"])
def test_all_or_nothing(db: Database, database_url: str, way: str) -> None:
    team = Team(db)
    for name, role in (("ada", Role.EDITOR), ("bo", Role.APPROVER)):
        accounts.create(db, name=name, role=role)  # the other process asks the database
    first, second = team.version(), team.version()
    asked(team, first)
    if way == "promote":
        crashes = Crashes(db, database_url, "promote", "ada", 2, version=second, stage=PRODUCTION)
    elif way == "approve":
        set_policy(team, approvals=1)
        request = asked(team, second)
        crashes = Crashes(db, database_url, "approve", "bo", 3, request_id=request.id)
    else:
        asked(team, second)
        crashes = Crashes(db, database_url, "roll_back", "ada", 2, stage=PRODUCTION)
    before = traces(db)
    killed = 0
    try:
        while True:
            _, status = crashes.next()
            if status != signal.SIGKILL:
                break
            killed += 1
            now = traces(db)
            if now != before:
                # The one step at which it is done and nobody has been told.
                break
            crashes.go_on()
    finally:
        crashes.close()
    after = traces(db)
    assert killed > 8
    assert after["stages"] == (
        [PRODUCTION, "Archived"] if way == "roll_back" else ["Archived", PRODUCTION]
    )
    assert after["stage_transitions"] == before["stage_transitions"] + 2
    events = {"promote": 2, "approve": 3, "roll_back": 3}[way]
    assert after["outbox_events"] == before["outbox_events"] + events
    assert after["version_comments"] == before["version_comments"] + 1
    # The two stages and the decision, and an approval before it.
    assert len(after["audit"]) == len(before["audit"]) + (4 if way == "approve" else 3)
    assert after["requests"][-1:] == ["DONE"]
    assert audit.verify(db).broken is None
    # Who asks again because no answer came is told that it is done.
    if way == "promote":
        with acting("ada"):
            assert asked(team, second).done
        assert traces(db) == after
