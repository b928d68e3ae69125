"""Signing in at a provider: as it should go, and as somebody does it who means harm.

Everything goes over HTTP to a provider that is real but for being told what to say.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from podium.registry.app import create_app
from podium.tracker import audit
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import accounts, invitations
from podium.tracker.auth.oidc import signin
from podium.tracker.auth.oidc.settings import Oidc
from podium.tracker.auth.roles import Role
from podium.tracker.auth.tables import SignIn
from podium.tracker.auth.throttle import Buckets, Limit
from podium.tracker.config import Config
from podium.tracker.db import Database
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from ..services.oidc import CLIENT_ID, CLIENT_SECRET, Provider, provider
from .conftest import elements
from .test_account import OURS, browser, cheap_and_patient, db, sign_in, with_password

__all__ = ["cheap_and_patient", "db"]

ROLES = (("ml-leads", Role.APPROVER), ("ml", Role.EDITOR))
GROUPS = (("vision", "vision-team"),)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signin, "STARTS", Buckets(Limit(1, 60)))


@pytest.fixture
def idp() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture
def make(db: Database, store: ArtifactStore, idp: Provider) -> Callable[..., Flask]:
    def make(**settings: Any) -> Flask:
        oidc = Oidc(
            **{
                "issuer": idp.issuer,
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "roles": ROLES,
                "groups": GROUPS,
                **settings,
            }
        )
        config = Config(db.url, "unused", auth_required=True, proxies=1, oidc=oidc)
        return create_app(config, db=db, store=store)

    return make


@pytest.fixture
def app(make: Callable[..., Flask]) -> Flask:
    return make()


def leave(client: FlaskClient, onward: str = "/models") -> str:
    """Where the browser is sent to."""
    answer = client.get("/login/oidc", query_string={"next": onward})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.location


def arrive(app: Flask, idp: Provider, client: FlaskClient | None = None) -> TestResponse:
    """The whole way there and back."""
    client = client or browser(app)
    return client.get(idp.consent(leave(client)))


def refused(answer: TestResponse, status: int = 401) -> str:
    """Nobody is signed in, and the page to sign in says why."""
    html = answer.get_data(as_text=True)
    assert answer.status_code == status, html
    assert not any(
        cookie.startswith(("podium=", "__Host-podium="))
        for cookie in answer.headers.getlist("Set-Cookie")
    )
    [reason] = re.findall(r'class="refused" role="alert">(.*?)</p>', html)
    assert 'action="/login"' in html
    return str(reason)


class TestTheWay:
    def test_there_and_back(self, app: Flask, idp: Provider, db: Database) -> None:
        idp.person = {"sub": "a1", "preferred_username": "Ada", "groups": ["ml", "vision"]}
        idp.person |= {"email": "ada@example.org", "email_verified": True}
        accounts.create(db, name="vision-team", kind="group")
        client = browser(app)
        page = client.get("/login?next=/models%3Fq%3D1").get_data(as_text=True)
        [link] = [each["href"] for each in elements(page).tags("a") if "oidc" in each["href"]]
        assert f"Sign in with {urlsplit(idp.issuer).netloc}" in page
        answer = client.get(idp.consent(client.get(link).location))
        assert (answer.status_code, answer.location) == (303, "/models?q=1")
        assert client.get("/models").status_code == 200
        ada = accounts.get(db, "ada")
        assert (ada.kind, ada.role, ada.groups) == ("user", Role.EDITOR, ("vision-team",))
        assert (ada.email, ada.issuer, ada.has_password) == ("ada@example.org", idp.issuer, False)
        again = arrive(app, idp)
        assert again.status_code == 303
        assert [each.name for each in accounts.everybody(db) if each.kind == "user"] == ["ada"]

    def test_the_cookies(self, app: Flask, idp: Provider) -> None:
        client = browser(app)
        answer = client.get("/login/oidc")
        assert re.fullmatch(
            r"podium-oidc=[\w-]{43}; Expires=[^;]+; Max-Age=600; HttpOnly; Path=/; SameSite=Lax",
            answer.headers["Set-Cookie"],
        )
        back = client.get(idp.consent(answer.location))
        names = [each.partition("=")[0] for each in back.headers.getlist("Set-Cookie")]
        assert names == ["podium", "podium-oidc"]
        assert client.get_cookie("podium-oidc") is None
        headers = {"X-Forwarded-Proto": "https"}
        secure = client.get("/login/oidc", headers=headers)
        assert secure.headers["Set-Cookie"].startswith("__Host-podium-oidc=")
        assert "Secure" in secure.headers["Set-Cookie"]
        [way_back] = parse_qs(urlsplit(secure.location).query)["redirect_uri"]
        assert way_back == "https://localhost/login/oidc/callback"

    def test_nothing_of_the_secret_is_in_the_database_or_the_address(
        self, app: Flask, db: Database, idp: Provider
    ) -> None:
        client = browser(app)
        address = leave(client)
        cookie = client.get_cookie("podium-oidc")
        assert cookie is not None
        with db.reading() as session:
            row = session.scalars(select(SignIn)).one()
        assert cookie.value not in address
        assert cookie.value.encode() not in row.digest
        assert "code_verifier" not in address

    @pytest.mark.parametrize("onward", ["//evil.example", "/\\evil", "https://evil.example", ""])
    def test_it_leads_nowhere_else(self, app: Flask, idp: Provider, onward: str) -> None:
        client = browser(app)
        assert client.get(idp.consent(leave(client, onward))).location == "/experiments"

    def test_a_host_that_is_not_ours_is_no_way_back(self, app: Flask) -> None:
        for path in ("/login/oidc", "/login/oidc/callback"):
            answer = browser(app).get(path, headers={"Host": "evil.example"})
            assert answer.status_code == 403

    def test_a_secret_in_the_form(self, make: Callable[..., Flask], idp: Provider) -> None:
        idp.methods = ["client_secret_post", "client_secret_basic"]
        assert arrive(make(), idp).status_code == 303

    def test_without_a_provider_there_is_no_link(self, db: Database, store: ArtifactStore) -> None:
        config = Config(db.url, "unused", auth_required=True)
        client = browser(create_app(config, db=db, store=store))
        assert "oidc" not in client.get("/login").get_data(as_text=True)
        assert client.get("/login/oidc").status_code == 404
        assert client.get("/login/oidc/callback").status_code == 404


class TestState:
    def test_a_way_back_works_once(self, app: Flask, idp: Provider) -> None:
        client = browser(app)
        back = idp.consent(leave(client))
        cookie = client.get_cookie("podium-oidc")
        assert cookie is not None
        assert client.get(back).status_code == 303
        refused(client.get(back))
        client.set_cookie("podium-oidc", cookie.value)
        asked = len(idp.asked)
        refused(client.get(back))
        assert len(idp.asked) == asked

    def test_another_browser_cannot_take_it(self, app: Flask, idp: Provider) -> None:
        """Or somebody could sign others in as himself, and see what they log."""
        back = idp.consent(leave(browser(app)))
        victim = browser(app)
        leave(victim)
        for other in (browser(app), victim):
            assert "This browser did not begin" in refused(other.get(back))
        assert "/token" not in idp.asked

    @pytest.mark.parametrize("state", ["", "x", "é", "\x00"])
    def test_a_state_that_is_none(self, app: Flask, idp: Provider, state: str) -> None:
        client = browser(app)
        leave(client)
        answer = client.get("/login/oidc/callback", query_string={"code": "x", "state": state})
        assert "This browser did not begin" in refused(answer)
        assert "/token" not in idp.asked

    def test_it_expires(
        self, app: Flask, idp: Provider, db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = browser(app)
        back = idp.consent(leave(client))
        later = int(time.time() * 1000) + 11 * 60 * 1000
        monkeypatch.setattr(signin, "now_ms", lambda: later)
        refused(client.get(back))
        leave(browser(app))
        leave(browser(app))
        with db.reading() as session:
            assert session.scalar(select(func.count()).select_from(SignIn)) == 2

    def test_too_many_are_slowed_down(
        self, app: Flask, idp: Provider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signin, "STARTS", Buckets(Limit(0.001, 1)))
        leave(browser(app))
        refused(browser(app).get("/login/oidc"), 429)

    def test_the_provider_says_no(self, app: Flask, idp: Provider) -> None:
        client = browser(app)
        [state] = parse_qs(urlsplit(leave(client)).query)["state"]
        answer = client.get(
            "/login/oidc/callback",
            query_string={"error": "access_denied", "error_description": "evil", "state": state},
        )
        assert "evil" not in refused(answer)

    def test_another_provider_answers(self, app: Flask, idp: Provider) -> None:
        client = browser(app)
        back = idp.consent(leave(client))
        refused(client.get(f"{back}&iss=https://evil.example"))

    def test_a_code_is_used_once(self, app: Flask, idp: Provider) -> None:
        """Whoever saw one in a log comes too late, and with another verifier."""
        ours, theirs = browser(app), browser(app)
        back, other = idp.consent(leave(ours)), idp.consent(leave(theirs))
        code, stolen = (parse_qs(urlsplit(each).query)["code"][0] for each in (other, back))
        assert ours.get(back).status_code == 303
        assert "the code was not accepted" in refused(theirs.get(other.replace(code, stolen)))


class TestAProviderThatIsAway:
    def test_passwords_go_on_working(self, app: Flask, idp: Provider, db: Database) -> None:
        with_password(db, "bob")
        idp.answers["/.well-known/openid-configuration"] = 500, b""
        client = browser(app)
        reason = refused(client.get("/login/oidc"), 503)
        assert "who has a password can sign in with it" in reason
        assert client.get("/login").status_code == 200
        assert sign_in(client, "bob").status_code == 303
        asked = len(idp.asked)
        refused(client.get("/login/oidc"), 503)
        assert len(idp.asked) == asked  # it is not asked again at once

    def test_nothing_listens(self, make: Callable[..., Flask]) -> None:
        from ..services import free_ports

        [port] = free_ports(1)
        app = make(issuer=f"http://127.0.0.1:{port}")
        refused(browser(app).get("/login/oidc"), 503)

    def test_it_goes_while_somebody_is_there(self, app: Flask, idp: Provider) -> None:
        client = browser(app)
        back = idp.consent(leave(client))
        idp.answers["/token"] = 502, b"x"
        refused(client.get(back), 503)


class TestAccounts:
    def test_a_switched_off_one_stays_out(self, app: Flask, idp: Provider, db: Database) -> None:
        idp.person["preferred_username"] = "ada"
        client = browser(app)
        arrive(app, idp, client)
        accounts.update(db, "ada", active=False)
        assert client.get("/models").status_code == 302
        assert "switched off" in refused(arrive(app, idp))

    def test_who_signs_in_there_makes_himself_no_password(
        self, app: Flask, idp: Provider, db: Database
    ) -> None:
        """It would outlive what the provider thinks of him; an admin may hand him a link."""
        idp.person["preferred_username"] = "ada"
        client = browser(app)
        arrive(app, idp, client)
        page = client.get("/account").get_data(as_text=True)
        assert "/account/password" not in page
        assert f"You sign in at {idp.issuer}" in page
        answer = client.put("/api/v1/password", json={"new": "a long password"}, headers=OURS)
        assert answer.status_code == 400
        key = invitations.for_account(db, "ada")
        invitations.accept(db, key, name="", password="a long password")
        assert sign_in(browser(app), "ada", "a long password").status_code == 303

    def test_what_the_audit_log_says(self, app: Flask, idp: Provider, db: Database) -> None:
        idp.person = {"sub": "a1", "preferred_username": "ada", "groups": ["ml"]}
        arrive(app, idp)
        idp.person["groups"] = []
        arrive(app, idp)
        rows = audit.search(db).items
        found = [(row["action"], row["before"], row["after"]) for row in reversed(rows)]
        assert found == [
            ("user.create", None, {"role": "editor", "subject": f"{idp.issuer} a1"}),
            ("login.begin", None, None),
            ("user.update", {"role": "editor", "groups": []}, {"role": "member", "groups": []}),
            ("login.begin", None, None),
        ]
        assert {row["subject"] for row in rows} == {"user:ada"}

    def test_another_address_is_in_it(self, app: Flask, idp: Provider, db: Database) -> None:
        idp.person = {"sub": "a1", "preferred_username": "ada", "email_verified": True}
        for address in ("a@example.org", "b@example.org"):
            idp.person["email"] = address
            arrive(app, idp)
        [row] = [each for each in audit.search(db).items if each["action"] == "user.update"]
        assert (row["before"]["email"], row["after"]["email"]) == (
            "a@example.org",
            "b@example.org",
        )


def test_no_secret_is_in_the_log(
    app: Flask, idp: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    client = browser(app)
    address = leave(client)
    cookie = client.get_cookie("podium-oidc")
    assert cookie is not None
    back = idp.consent(address)
    idp.wrong = lambda _, claims: claims.update(nonce="x")
    refused(client.get(back))
    idp.answers["/token"] = 400, b'{"error": "invalid_client", "error_description": "canary"}'
    refused(arrive(app, idp))
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert "oidc_refused" in text
    query = {**parse_qs(urlsplit(back).query), **parse_qs(urlsplit(address).query)}
    for secret in (CLIENT_SECRET, cookie.value, *query["code"], *query["nonce"], "canary"):
        assert secret not in text
