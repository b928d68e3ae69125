"""Accounts and groups, passwords and the links to choose them."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from podium.client.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    NotFound,
    TooManyRequests,
    Unauthenticated,
)
from podium.tracker import audit
from podium.tracker.auth import accounts, credentials, invitations, logins, throttle, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.auth.tables import Invitation, Login, Principal
from podium.tracker.auth.throttle import Attempts, Buckets, Limit
from podium.tracker.db import Database
from sqlalchemy import select, update

from .conftest import by_password, by_token, someone

PASSWORD = "correct horse battery"
SEARCH = ("GET", "/experiments/search?max_results=9")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins without wrong passwords."""
    monkeypatch.setattr(throttle, "PASSWORDS", throttle.new_attempts())


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is let through again, however long the test takes."""
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: 0.0))


def with_password(db: Database, name: str, role: Role = Role.VIEWER) -> None:
    accounts.create(db, name=name, role=role)
    invitations.accept(db, invitations.for_account(db, name), name="", password=PASSWORD)


class TestAccounts:
    def test_no_account_is_there_from_the_start(self, db: Database) -> None:
        assert accounts.everybody(db) == []

    def test_names_are_of_lower_case(self, db: Database) -> None:
        assert accounts.create(db, name="Ada@Example.org").name == "ada@example.org"
        with pytest.raises(AlreadyExists, match=r"ada@example\.org"):
            accounts.create(db, name="ADA@example.org", kind="group")
        assert accounts.get(db, "ADA@EXAMPLE.ORG").name == "ada@example.org"

    @pytest.mark.parametrize("name", ["", " ", "-x", "a b", "a/b", "a\0", "é", "x" * 129, "a\n"])
    def test_names_that_are_none(self, db: Database, name: str) -> None:
        with pytest.raises(BadRequest, match="'name'"):
            accounts.create(db, name=name)

    @pytest.mark.parametrize("name", ["local", "System", "anonymous"])
    @pytest.mark.parametrize("kind", ["user", "service", "group"])
    def test_what_histories_call_nobody_is_nobodys_name(
        self, db: Database, name: str, kind: str
    ) -> None:
        with pytest.raises(BadRequest, match="who has no account"):
            accounts.create(db, name=name, kind=kind)
        assert accounts.everybody(db) == []

    @pytest.mark.parametrize("name", ["local", "system", "anonymous"])
    def test_whoever_has_such_a_name_from_before_keeps_his_account(
        self, guarded: Flask, db: Database, name: str
    ) -> None:
        with_password(db, "ada", Role.ADMIN)
        secret, _ = tokens.create(db, "ada", name="test", scopes=["read", "admin"])
        with db.writing() as session:
            session.execute(update(Principal).values(name=name))
        assert by_password(guarded, name, PASSWORD).status(*SEARCH) == 200
        me = by_token(guarded, secret)
        assert me.status("PATCH", f"/api/v1/users/{name}", email="a@example.org") == 200
        assert me.status("POST", "/api/v1/users", name="bo", role="admin") == 200
        link = invitations.for_account(db, name)
        invitations.accept(db, link, name="", password=f"{PASSWORD} 2")
        assert by_password(guarded, name, f"{PASSWORD} 2").status(*SEARCH) == 200

    def test_the_last_admin_stays_one(self, db: Database) -> None:
        accounts.create(db, name="root", role=Role.ADMIN)
        for change in ({"role": Role.EDITOR}, {"active": False}):
            with pytest.raises(Conflict, match="last admin"):
                accounts.update(db, "root", **change)
        assert accounts.get(db, "root").role is Role.ADMIN
        accounts.create(db, name="other", role=Role.ADMIN)
        assert accounts.update(db, "root", active=False).active is False

    def test_a_service_that_is_an_admin_does_not_count(self, db: Database) -> None:
        accounts.create(db, name="root", role=Role.ADMIN)
        accounts.create(db, name="robot", kind="service", role=Role.ADMIN)
        with pytest.raises(Conflict):
            accounts.update(db, "root", active=False)

    def test_groups_give_their_role_to_members(self, guarded: Flask, db: Database) -> None:
        ada = someone(guarded, "ada")
        accounts.create(db, name="team", kind="group", role=Role.VIEWER)
        assert ada.ok("GET", "/api/v1/me")["role"] == "member"
        assert accounts.set_members(db, "team", ["ada"]).members == ("ada",)
        assert ada.ok("GET", "/api/v1/me")["role"] == "viewer"
        assert accounts.get(db, "ada").groups == ("team",)
        accounts.set_members(db, "team", [])
        assert ada.ok("GET", "/api/v1/me")["role"] == "member"

    def test_only_accounts_are_in_groups(self, db: Database) -> None:
        for name, kind in (("a", "group"), ("b", "group"), ("ada", "user")):
            accounts.create(db, name=name, kind=kind)
        with pytest.raises(BadRequest, match="'b' is a group"):
            accounts.set_members(db, "a", ["b"])
        with pytest.raises(BadRequest, match="only groups have members"):
            accounts.set_members(db, "ada", ["ada"])
        with pytest.raises(NotFound, match="nobody"):
            accounts.set_members(db, "a", ["nobody"])

    def test_every_change_is_recorded(self, db: Database) -> None:
        accounts.create(db, name="ada")
        accounts.create(db, name="team", kind="group")
        accounts.set_members(db, "team", ["ada"])
        accounts.update(db, "ada", role=Role.EDITOR)
        _, token = tokens.create(db, "ada", name="x")
        tokens.revoke(db, "ada", token.id)
        rows = list(reversed(audit.search(db).items))
        assert [(row["action"], row["subject"]) for row in rows] == [
            ("user.create", "user:ada"),
            ("group.create", "group:team"),
            ("group.members", "group:team"),
            ("user.update", "user:ada"),
            ("token.create", f"token:ada/{token.id}"),
            ("token.revoke", f"token:ada/{token.id}"),
        ]
        assert (rows[3]["before"]["role"], rows[3]["after"]["role"]) == ("member", "editor")

    def test_another_address_is_recorded_and_the_same_is_not_told(self, db: Database) -> None:
        accounts.create(db, name="ada", email="a@example.org")
        for _ in range(2):
            accounts.update(db, "ada", email="b@example.org")
        again, first = audit.search(db, max_results=2).items
        assert (first["before"]["email"], first["after"]["email"]) == (
            "a@example.org",
            "b@example.org",
        )
        assert again["before"] == again["after"] == {"role": "member", "active": True}

    def test_over_the_api(self, guarded: Flask) -> None:
        root = someone(guarded, "root", Role.ADMIN)
        root.ok("POST", "/api/v1/users", name="ada", role="editor")
        root.ok("POST", "/api/v1/users", name="team", kind="group")
        root.ok("PUT", "/api/v1/users/team/members", members=["ada"])
        changed = root.ok("PATCH", "/api/v1/users/ada", active=False)["user"]
        assert (changed["active"], changed["role"], changed["groups"]) == (
            False,
            "editor",
            ["team"],
        )
        made = root.ok("POST", "/api/v1/users/root/tokens", name="ci", scopes=["read"], days=0)
        assert (made["expires"], made["scopes"]) == (None, ["read"])
        assert by_token(guarded, made["token"]).status(*SEARCH) == 200
        listed = root.ok("GET", "/api/v1/users/root/tokens")["tokens"]
        assert "token" not in listed[0]
        root.ok("DELETE", f"/api/v1/users/root/tokens/{made['id']}")
        assert by_token(guarded, made["token"]).status(*SEARCH) == 401
        assert root.call("POST", "/api/v1/users", name="x", role="king").get_json()["message"] == (
            "Invalid value 'king' for parameter 'role' supplied: give one of member, viewer, "
            "editor, approver, admin."
        )


class TestPasswords:
    def test_name_and_password_let_in(self, guarded: Flask, db: Database) -> None:
        with_password(db, "ada")
        for name in ("ada", "ADA"):
            assert by_password(guarded, name, PASSWORD).status(*SEARCH) == 200

    def test_it_is_checked_once_and_then_remembered(
        self, guarded: Flask, db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_password(db, "ada")
        ada = by_password(guarded, "ada", PASSWORD)
        ada.ok(*SEARCH)

        def fail(*_: Any) -> bool:
            raise AssertionError("checked again")

        monkeypatch.setattr(logins, "password_fits", fail)
        ada.ok(*SEARCH)
        accounts.update(db, "ada", email="a@example.org")
        ada.ok(*SEARCH)

    def test_a_new_one_ends_the_old_one_at_once(self, guarded: Flask, db: Database) -> None:
        with_password(db, "ada")
        ada = by_password(guarded, "ada", PASSWORD)
        ada.ok(*SEARCH)
        assert ada.status("PUT", "/api/v1/password", old="wrong", new=PASSWORD + "!") == 400
        ada.ok("PUT", "/api/v1/password", old=PASSWORD, new=PASSWORD + "!")
        assert ada.status(*SEARCH) == 401
        assert by_password(guarded, "ada", PASSWORD + "!").status(*SEARCH) == 200

    def test_a_token_may_stand_in_for_it(self, guarded: Flask, db: Database) -> None:
        accounts.create(db, name="ada", role=Role.VIEWER)
        secret, _ = tokens.create(db, "ada", name="x")
        assert by_password(guarded, "anything", secret).status(*SEARCH) == 200

    @pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
    def test_a_wrong_one_tells_nothing(self, guarded: Flask, db: Database) -> None:
        """The same answer for a wrong password, no password, no account, one that is off."""
        with_password(db, "ada")
        with_password(db, "off")
        accounts.update(db, "off", active=False)
        accounts.create(db, name="nopassword")
        accounts.create(db, name="robot", kind="service")
        answers = {
            by_password(guarded, name, password).call(*SEARCH).get_data()
            for name, password in (
                ("ada", "wrong"),
                ("ada", ""),
                ("off", PASSWORD),
                ("nopassword", ""),
                ("nopassword", PASSWORD),
                ("robot", ""),
                ("nobody", PASSWORD),
                ("", ""),
                ("a\0b", "c\0d"),
            )
        }
        assert len(answers) == 1
        assert b"The name or the password is wrong." in answers.pop()

    @pytest.mark.parametrize("password", ["short", "x" * 11, "x" * 513])
    def test_short_and_endless_ones(self, db: Database, password: str) -> None:
        accounts.create(db, name="ada")
        with pytest.raises(BadRequest, match="'password'"):
            invitations.accept(db, invitations.for_account(db, "ada"), name="", password=password)

    def test_it_is_stored_by_argon2(self, db: Database) -> None:
        with_password(db, "ada")
        with db.reading() as session:
            stored = session.scalars(select(Principal.password)).one()
        assert stored is not None
        assert stored.startswith("$argon2id$")
        assert PASSWORD not in stored
        assert PASSWORD not in "".join(audit.export(db))

    def test_guessing_is_slowed_down(self, guarded: Flask, db: Database) -> None:
        with_password(db, "ada")
        statuses = [by_password(guarded, "ada", f"guess-{n}").status(*SEARCH) for n in range(11)]
        assert statuses == [401] * 10 + [429]
        answer = by_password(guarded, "ada", PASSWORD).call(*SEARCH)
        assert answer.status_code == 429, "even the right one: or it would be told by the answer"
        assert 1 <= int(answer.headers["Retry-After"]) <= 30

    def test_the_owner_elsewhere_is_not_locked_out(self, guarded: Flask, db: Database) -> None:
        with_password(db, "ada")
        for number in range(11):
            by_password(guarded, "ada", f"guess-{number}").call(*SEARCH)
        there = by_password(guarded, "ada", PASSWORD)
        there.http.environ_base["REMOTE_ADDR"] = "192.0.2.7"
        assert there.status(*SEARCH) == 200

    def test_guessing_at_many_accounts_is_slowed_down(self) -> None:
        attempts = Attempts(Limit(1 / 60, 10), Limit(1 / 60, 3), Limit(1 / 60, 10))
        for name in ("a", "b", "c"):
            attempts.take(name, "here")
        with pytest.raises(TooManyRequests):
            attempts.take("d", "here")
        attempts.take("d", "there")

    def test_guessing_from_many_addresses_is_slowed_down(
        self, guarded: Flask, db: Database, frozen: None
    ) -> None:
        with_password(db, "ada")
        guesser = by_password(guarded, "ada", "a guess")
        statuses = []
        for number in range(101):
            guesser.http.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
            statuses.append(guesser.status(*SEARCH))
        assert statuses == [401] * 100 + [429]

    def test_guessing_in_a_browser_that_is_signed_in_is_slowed_down(
        self, guarded: Flask, db: Database, frozen: None
    ) -> None:
        with_password(db, "ada")
        ada = by_password(guarded, "ada", PASSWORD)
        change = {"old": "a guess", "new": PASSWORD + "!"}
        statuses = [ada.status("PUT", "/api/v1/password", **change) for _ in range(10)]
        assert statuses == [400] * 10
        assert ada.status("PUT", "/api/v1/password", **change) == 429

    @pytest.mark.parametrize("who", ["ada", "nobody", "robot", "off", "invited", "\x00"])
    @pytest.mark.parametrize("fresh", [True, False], ids=["first of all", "later"])
    def test_it_takes_as_long_whoever_is_asked_for(
        self, db: Database, monkeypatch: pytest.MonkeyPatch, who: str, fresh: bool
    ) -> None:
        """What takes long is Argon2: it is computed as often, and with the same figures."""
        with_password(db, "ada")
        with_password(db, "off")
        accounts.update(db, "off", active=False)
        accounts.create(db, name="robot", kind="service")
        accounts.create(db, name="invited")
        if not fresh:
            with pytest.raises(Unauthenticated):
                logins.check_password(db, "somebody", "a guess")
        real, done = credentials.hasher(), []

        class Counted:
            def hash(self, password: bytes) -> str:
                done.append("hash")
                return real.hash(password)

            def verify(self, stored: str, password: bytes) -> bool:
                done.append(stored.rpartition("$")[0].rpartition("$")[0])
                return real.verify(stored, password)

        monkeypatch.setattr(credentials, "hasher", Counted)
        with pytest.raises(Unauthenticated):
            logins.check_password(db, who, "a guess")
        figures = real.hash("x" * 12).rpartition("$")[0].rpartition("$")[0]
        assert done == [*(["hash"] if fresh else []), figures]


class TestInvitations:
    def test_a_link_works_once(self, db: Database) -> None:
        accounts.create(db, name="ada")
        secret = invitations.for_account(db, "ada")
        assert invitations.whose(db, secret) == "ada"
        invitations.accept(db, secret, name="ignored", password=PASSWORD)
        assert logins.check_password(db, "ada", PASSWORD).name == "ada"
        with pytest.raises(NotFound, match="used or has expired"):
            invitations.accept(db, secret, name="", password="another password")

    def test_it_is_kept_as_a_hash_and_expires(self, db: Database) -> None:
        accounts.create(db, name="ada")
        secret = invitations.for_account(db, "ada")
        with db.writing() as session:
            row = session.scalars(select(Invitation)).one()
            assert secret.encode() not in row.digest
            row.expires = 1
        with pytest.raises(NotFound):
            invitations.whose(db, secret)

    def test_a_new_password_ends_every_login(self, db: Database) -> None:
        with_password(db, "ada")
        with db.reading() as session:
            ada = session.scalars(select(Principal.id)).one()
        logins.begin(db, ada)
        invitations.accept(db, invitations.for_account(db, "ada"), name="", password=PASSWORD)
        with db.reading() as session:
            assert session.scalars(select(Login)).all() == []

    def test_the_first_admin(self, db: Database) -> None:
        secret = invitations.for_first_admin(db)
        assert secret is not None
        assert invitations.whose(db, secret) is None
        invitations.accept(db, secret, name="Root", password=PASSWORD)
        found = accounts.get(db, "root")
        assert (found.role, found.has_password) == (Role.ADMIN, True)
        assert invitations.for_first_admin(db) is None

    def test_the_first_admin_may_choose_again_where_a_name_is_nobodys(self, db: Database) -> None:
        secret = invitations.for_first_admin(db)
        assert secret is not None
        with pytest.raises(BadRequest, match="who has no account"):
            invitations.accept(db, secret, name="local", password=PASSWORD)
        invitations.accept(db, secret, name="root", password=PASSWORD)
        assert accounts.get(db, "root").role is Role.ADMIN

    def test_of_many_links_one_makes_the_first_admin(self, db: Database) -> None:
        secrets = [invitations.for_first_admin(db) for _ in range(4)]
        refused = []

        def accept(number: int, secret: str) -> None:
            try:
                invitations.accept(db, secret, name=f"root{number}", password=PASSWORD)
            except NotFound as error:
                refused.append(error)

        threads = [
            threading.Thread(target=accept, args=(number, secret))
            for number, secret in enumerate(secrets)
            if secret
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert (len(refused), len(accounts.everybody(db))) == (3, 1)

    def test_services_and_groups_have_no_passwords(self, db: Database) -> None:
        accounts.create(db, name="robot", kind="service")
        with pytest.raises(NotFound, match="only users have passwords"):
            invitations.for_account(db, "robot")


def test_buckets_fill_again_and_do_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("podium.tracker.auth.throttle.time.monotonic", lambda: now[0])
    monkeypatch.setattr("podium.tracker.auth.throttle._MOST_KEYS", 10)
    buckets = Buckets(Limit(rate=2, burst=2))
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0.5]
    now[0] = 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 0.5]
    now[0] = 100.0
    for number in range(50):
        buckets.take(str(number))
    assert len(buckets._levels) <= 10


def test_a_flood_of_others_does_not_fill_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_MOST_KEYS", 10)
    buckets = Buckets(Limit(rate=1 / 3600, burst=5))
    for _ in range(5):
        assert buckets.take("a") == 0
    for number in range(50):
        buckets.take(str(number))
    assert buckets.take("a") > 0


def test_a_login_that_has_expired_is_none(guarded: Flask, db: Database) -> None:
    with_password(db, "ada")
    with db.reading() as session:
        ada = session.scalars(select(Principal.id)).one()
    secret = logins.begin(db, ada)
    known = guarded.extensions["podium_authenticator"]
    assert known.by_login(secret).caller.name == "ada"
    with db.writing() as session:
        session.execute(update(Login).values(expires=1))
    accounts.update(db, "ada", email="x@example.org")
    with pytest.raises(Unauthenticated):
        known.by_login(secret)
