"""Who was not let in, and what he asked for, is in the audit log; nobody can fill it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from podium.tracker import audit
from podium.tracker.auth import accounts, logins, throttle, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from .conftest import As, by_password, by_token, someone

ME = ("GET", "/api/v1/me")


def refused(db: Database) -> list[dict[str, Any]]:
    rows = audit.search(db, max_results=1000).items
    return [dict(row) for row in rows if str(row["action"]).endswith(".refuse")]


def test_a_wrong_token_a_revoked_one_and_a_wrong_password(guarded: Flask, db: Database) -> None:
    ada = someone(guarded, "ada", Role.VIEWER)
    tokens.revoke(db, "ada", tokens.of(db, "ada")[0].id)
    assert ada.status(*ME) == 401
    assert by_token(guarded, "podium_secret").status(*ME) == 401
    assert by_password(guarded, "ada", "hunter2").status(*ME) == 401
    assert by_password(guarded, "hunter2", "ada").status(*ME) == 401
    rows = refused(db)
    assert [(row["action"], row["subject"]) for row in rows] == [
        ("login.refuse", "user:somebody unknown"),
        ("login.refuse", "user:ada"),
        ("token.refuse", "token"),
        ("token.refuse", "token"),
    ]
    assert {(row["actor"], row["address"]) for row in rows} == {("anonymous", "127.0.0.1")}
    assert "revoked" in str(rows[3]["reason"])
    # What was typed is nowhere: a password is in the field of the name at times.
    assert not [line for line in audit.export(db) if "hunter2" in line or "podium_secret" in line]


def test_a_missing_right_has_a_name(guarded: Flask, db: Database) -> None:
    ada = someone(guarded, "ada", Role.VIEWER)
    assert ada.status("GET", "/api/v1/users") == 403
    assert ada.status("POST", "/experiments/create", name="x") == 403
    rows = refused(db)
    assert [(row["actor"], row["subject"]) for row in rows] == [
        ("ada", "route:POST /api/2.0/mlflow/experiments/create"),
        ("ada", "route:GET /api/v1/users"),
    ]


def test_nobody_is_no_row(guarded: Flask, db: Database) -> None:
    assert As(guarded).status(*ME) == 401
    assert not refused(db)


def test_the_log_cannot_be_filled(
    guarded: Flask, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All within one moment: later more would be let through, a row each half minute.
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: 0.0))
    wrong = by_token(guarded, "podium_x")
    for number in range(300):
        wrong.http.environ_base["REMOTE_ADDR"] = f"192.0.2.{number // 30}"
        wrong.status(*ME)
    rows = refused(db)
    assert len(rows) == 60
    of_one = [row for row in rows if row["address"] == "192.0.2.0"]
    assert len(of_one) == 10
    # The first row from the second address says how many of the first's are missing.
    [first] = [row for row in rows if row["address"] == "192.0.2.1"][-1:]
    assert "20" in str(first["after"])
    assert audit.verify(db).broken is None


def test_who_signs_in_is_named(guarded: Flask, db: Database) -> None:
    account = accounts.create(db, name="ada")
    with db.reading() as session:
        number = accounts.find(session, account.name).id
    logins.begin(db, number)
    row = audit.search(db, action="login.begin").items[0]
    assert (row["actor"], row["actor_kind"], row["subject"]) == ("ada", "user", "user:ada")
