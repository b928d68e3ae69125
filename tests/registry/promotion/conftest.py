"""People with roles, models with versions, and what the database says of them afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from podium.registry import registered, versions
from podium.registry.outbox import OutboxEvent
from podium.registry.promotion import rights
from podium.registry.read import find_version
from podium.tracker import audit, runs
from podium.tracker.auth import caller
from podium.tracker.auth.caller import Caller, Visit
from podium.tracker.auth.permissions import EVERYTHING
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database
from sqlalchemy import select

PEOPLE = {
    "ada": Role.EDITOR,
    "bo": Role.APPROVER,
    "cy": Role.APPROVER,
    "eve": Role.VIEWER,
    "root": Role.ADMIN,
}


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """Rules of transactions are tested on each kind of database."""
    database = Database(database_url, pool_size=8)
    yield database
    database.close()


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> dict[str, Role]:
    """Roles by name, to be changed by the test."""
    found = dict(PEOPLE)
    monkeypatch.setattr(rights, "role_here", lambda *_: found[caller.caller().name])
    monkeypatch.setattr("podium.registry.promotion.closing.role_here", rights.role_here)
    for module in ("situation", "settling"):
        monkeypatch.setattr(
            f"podium.registry.promotion.{module}.role_of", lambda _, name, __: found[name]
        )
    return found


@contextmanager
def acting(name: str) -> Iterator[None]:
    before = caller.visit()
    caller.begin(Visit(Caller(name, role=PEOPLE.get(name, Role.MEMBER), scopes=EVERYTHING)))
    try:
        yield
    finally:
        caller.begin(before)


class Team:
    """A model and who works on it."""

    def __init__(self, db: Database, name: str = "digits") -> None:
        self.db = db
        self.name = name
        registered.create_model(db, name=name)

    def version(
        self,
        *,
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        read: bool = True,
    ) -> int:
        """One whose files are ``read`` as by a worker, or are yet to be."""
        run = runs.create_run(self.db, experiment_id="0", tags=dict(tags or {}))
        runs.log_batch(
            self.db,
            run.run_id,
            metrics=[_point(key, value) for key, value in (metrics or {}).items()],
            params=list((params or {}).items()),
        )
        source = f"runs:/{run.run_id}/model"
        version = versions.create_version(self.db, name=self.name, source=source).version
        if read:
            with self.db.writing() as session:
                find_version(session, self.name, version).digest = f"f{version:063x}"
        return version

    def numbers(self) -> list[int]:
        found = versions.search_versions(self.db, filter=f"name = '{self.name}'").items
        return [each.version for each in found]

    def stage_of(self, version: int) -> str:
        return versions.get_version(self.db, self.name, version).stage

    def audited(self, prefix: str = "") -> list[str]:
        """The actions in the audit log, the oldest first."""
        found = audit.search(self.db, max_results=1000).items
        return [row["action"] for row in reversed(found) if row["action"].startswith(prefix)]

    def refusals(self) -> list[tuple[str, str, str]]:
        """(actor, action, reason) of what was refused."""
        found = audit.search(self.db, max_results=1000).items
        return [
            (row["actor"], row["action"], row["reason"])
            for row in reversed(found)
            if row["action"].endswith(".refused")
        ]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What was told of stages and requests."""
        with self.db.reading() as session:
            rows = session.execute(
                select(OutboxEvent.type, OutboxEvent.data).order_by(OutboxEvent.id)
            )
            return [
                (kind, json.loads(data))
                for kind, data in rows
                if "TRANSITION" in kind or "ROLLED_BACK" in kind
            ]


def _point(key: str, value: float) -> Any:
    from podium.client.entities import Metric

    return Metric(key, value, 1, 0)


@pytest.fixture
def team(db: Database) -> Team:
    return Team(db)
