"""Tokens: shown once, kept as a hash, and of no use once they have ended."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from flask import Flask
from podium.client.errors import BadRequest, NotFound, PermissionDenied
from podium.tracker import audit
from podium.tracker.auth import accounts, authenticate, tokens
from podium.tracker.auth.caller import Caller, Visit, begin
from podium.tracker.auth.permissions import ADMIN, LOG, READ
from podium.tracker.auth.roles import Role
from podium.tracker.auth.tables import Token
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import select

from .conftest import by_token, someone

SEARCH = ("GET", "/experiments/search?max_results=9")
DAY = 24 * 3600 * 1000


def test_a_token_is_long_random_and_recognised_by_scanners(db: Database) -> None:
    accounts.create(db, name="ada")
    made = {tokens.create(db, "ada", name="x")[0] for _ in range(10)}
    assert len(made) == 10
    for secret in made:
        assert secret.startswith("podium_")
        assert len(secret) == len("podium_") + 43  # 256 bits in base64


def test_only_a_hash_and_a_hint_are_kept(db: Database) -> None:
    accounts.create(db, name="ada")
    secret, info = tokens.create(db, "ada", name="cluster")
    with db.reading() as session:
        row = session.scalars(select(Token)).one()
        kept = [getattr(row, column) for column in Token.__table__.columns.keys()]  # noqa: SIM118
    assert all(secret[len(info.hint) :] not in str(each) for each in kept)
    assert secret.startswith(info.hint)
    assert all(secret[len(info.hint) :] not in line for line in audit.export(db))


def test_the_default_expires_in_a_year_and_does_what_training_needs(db: Database) -> None:
    accounts.create(db, name="ada")
    _, info = tokens.create(db, "ada", name="x")
    assert info.scopes == ("read", "log", "register")
    assert info.expires == info.created + 365 * DAY
    assert tokens.create(db, "ada", name="x", days=None)[1].expires is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"scopes": ["read", "everything"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["self"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 10**6}, "days"),
        ({"name": " "}, "name"),
        ({"name": "x" * 129}, "name"),
    ],
)
def test_what_is_refused(db: Database, wrong: dict[str, object], says: str) -> None:
    accounts.create(db, name="ada")
    with pytest.raises(BadRequest, match=f"'{says}'"):
        tokens.create(db, "ada", **{"name": "x", **wrong})  # type: ignore[arg-type]


def test_a_group_has_no_tokens(db: Database) -> None:
    accounts.create(db, name="team", kind="group")
    with pytest.raises(BadRequest, match="group"):
        tokens.create(db, "team", name="x")


def test_a_token_makes_none_that_may_do_more(db: Database) -> None:
    accounts.create(db, name="root", role=Role.ADMIN)
    begin(Visit(Caller("root", role=Role.ADMIN, scopes=frozenset({READ, ADMIN}), principals=(1,))))
    with pytest.raises(PermissionDenied, match="log"):
        tokens.create(db, "root", name="x", scopes=[READ, LOG])
    tokens.create(db, "root", name="x", scopes=[READ])


def test_a_token_of_somebody_else_cannot_be_revoked(db: Database) -> None:
    for name in ("ada", "bob"):
        accounts.create(db, name=name)
    _, info = tokens.create(db, "ada", name="x")
    with pytest.raises(NotFound):
        tokens.revoke(db, "bob", info.id)
    assert tokens.of(db, "ada")[0].works


class TestAtTheGate:
    def test_it_lets_its_owner_in(self, guarded: Flask) -> None:
        ada = someone(guarded, "ada", Role.VIEWER)
        assert ada.ok("GET", "/api/v1/me") == {
            "name": "ada",
            "kind": "user",
            "role": "viewer",
            "scopes": ["admin", "approve", "log", "read", "register"],
        }

    def test_nobody_else_is_let_in(self, guarded: Flask) -> None:
        answer = by_token(guarded, "podium_" + "x" * 43).call(*SEARCH)
        assert answer.status_code == 401
        assert answer.get_json()["error_code"] == "UNAUTHENTICATED"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize(
        "header",
        ["", "Bearer", "Bearer ", "Basic", "Basic x", "Basic Og==", "Digest a=b", "podium_xyz"],
    )
    def test_odd_headers(self, guarded: Flask, header: str) -> None:
        answer = guarded.test_client().get(
            "/api/2.0/mlflow/experiments/search", headers={"Authorization": header}
        )
        assert answer.status_code == 401, answer.get_data(as_text=True)

    def test_revoked_holds_for_the_next_request(self, guarded: Flask, db: Database) -> None:
        accounts.create(db, name="ada", role=Role.VIEWER)
        secret, info = tokens.create(db, "ada", name="laptop")
        ada = by_token(guarded, secret)
        ada.ok(*SEARCH)
        tokens.revoke(db, "ada", info.id)
        answer = ada.call(*SEARCH)
        assert answer.status_code == 401
        assert f"{info.hint}… (laptop) was revoked" in answer.get_json()["message"]

    def test_expired(self, guarded: Flask, db: Database) -> None:
        accounts.create(db, name="ada", role=Role.VIEWER)
        secret, info = tokens.create(db, "ada", name="laptop", days=1)
        with db.writing() as session:
            session.get_one(Token, info.id).expires = info.created - 1
        answer = by_token(guarded, secret).call(*SEARCH)
        assert answer.status_code == 401
        assert "has expired" in answer.get_json()["message"]

    def test_the_account_is_switched_off(self, guarded: Flask, db: Database) -> None:
        ada = someone(guarded, "ada", Role.VIEWER)
        ada.ok(*SEARCH)
        accounts.update(db, "ada", active=False)
        assert ada.status(*SEARCH) == 401
        accounts.update(db, "ada", active=True)
        assert ada.status(*SEARCH) == 200

    def test_a_role_that_changes_holds_for_the_next_request(
        self, guarded: Flask, db: Database
    ) -> None:
        ada = someone(guarded, "ada", Role.EDITOR)
        ada.ok("POST", "/experiments/create", name="one")
        accounts.update(db, "ada", role=Role.VIEWER)
        assert ada.status("POST", "/experiments/create", name="two") == 403

    def test_what_is_changed_by_hand_is_known_soon(
        self, guarded: Flask, db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = someone(guarded, "ada", Role.VIEWER)
        ada.ok(*SEARCH)
        with db.writing() as session:  # no service does so: it would leave a row in the audit log
            session.scalars(select(Token)).one().revoked = 1
        assert ada.status(*SEARCH) == 200
        now = time.monotonic() + authenticate.REMEMBERED
        monkeypatch.setattr(authenticate, "time", SimpleNamespace(monotonic=lambda: now))
        assert ada.status(*SEARCH) == 401

    def test_it_expires_on_the_millisecond(
        self, guarded: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ada = someone(guarded, "ada", Role.VIEWER)
        ada.ok(*SEARCH)
        year = 365 * DAY
        later = now_ms() + year
        monkeypatch.setattr(authenticate, "now_ms", lambda: later)
        assert ada.status(*SEARCH) == 401

    def test_its_last_use_is_written_seldom(self, guarded: Flask, db: Database) -> None:
        ada = someone(guarded, "ada", Role.VIEWER)
        assert tokens.of(db, "ada")[0].last_used is None
        ada.ok(*SEARCH)
        used = tokens.of(db, "ada")[0].last_used
        assert used is not None
        accounts.update(db, "ada", email="a@example.org")  # nothing is remembered any more
        ada.ok(*SEARCH)
        assert tokens.of(db, "ada")[0].last_used == used

    @pytest.mark.parametrize(
        ("scope", "allowed"),
        [("read", "read"), ("log", "log"), ("admin", "admin"), ("approve", "none")],
    )
    def test_a_token_does_what_it_is_for(self, guarded: Flask, scope: str, allowed: str) -> None:
        root = someone(guarded, "root", Role.ADMIN, scopes=(scope,))
        calls = {
            "read": ("GET", "/experiments/search?max_results=9", {}),
            "log": ("POST", "/experiments/create", {"name": "x"}),
            "admin": ("GET", "/api/v1/users", {}),
        }
        for needed, (method, path, body) in calls.items():
            answer = root.call(method, path, **body)
            assert answer.status_code == (200 if needed == allowed else 403), path
            if needed != allowed:
                assert f"only for {scope}" in answer.get_json()["message"]

    def test_who_is_no_admin_is_none_with_any_token(self, guarded: Flask) -> None:
        for role in (Role.MEMBER, Role.VIEWER, Role.EDITOR, Role.APPROVER):
            person = someone(guarded, f"p{role}", role)
            for method, path in (("GET", "/api/v1/users"), ("GET", "/api/v1/audit")):
                assert person.status(method, path) == 403

    def test_a_change_is_recorded_as_its_owners(self, guarded: Flask, db: Database) -> None:
        ada = someone(guarded, "ada", Role.EDITOR)
        ada.ok("POST", "/experiments/delete", experiment_id="0")
        row = audit.search(db, action="experiment.delete").items[0]
        assert (row["actor"], row["actor_kind"], row["address"]) == ("ada", "user", "127.0.0.1")


def test_a_run_is_its_makers_unless_the_client_says_whose(guarded: Flask) -> None:
    ada = someone(guarded, "ada", Role.EDITOR)
    mine = ada.ok("POST", "/runs/create", experiment_id="0")["run"]["info"]
    theirs = ada.ok("POST", "/runs/create", experiment_id="0", user_id="bo")["run"]["info"]
    assert (mine["user_id"], theirs["user_id"]) == ("ada", "bo")
