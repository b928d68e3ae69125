"""Signing in, and what follows: as a browser does it, and as somebody does who means harm."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from podium.registry.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import accounts, credentials, invitations, throttle, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.config import Config
from podium.tracker.db import Database
from werkzeug.test import TestResponse

from .conftest import elements

PASSWORD = "correct horse battery"
OURS = {"Origin": "http://localhost"}


@pytest.fixture(autouse=True)
def cheap_and_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "hasher", lambda: cheap)
    monkeypatch.setattr(credentials, "_NOBODYS", [])
    monkeypatch.setattr(throttle, "PASSWORDS", throttle.new_attempts())


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    found = Database(sqlite_url, pool_size=2)
    yield found
    found.close()


@pytest.fixture
def app(db: Database, store: ArtifactStore, sqlite_url: str) -> Flask:
    config = Config(sqlite_url, "unused", auth_required=True, proxies=1)
    return create_app(config, db=db, store=store)


def browser(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html,application/xhtml+xml"
    return client


def with_password(db: Database, name: str, role: Role = Role.EDITOR) -> None:
    accounts.create(db, name=name, role=role)
    invitations.accept(db, invitations.for_account(db, name), name="", password=PASSWORD)


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, **form: str) -> TestResponse:
    return client.post("/login", data={"name": name, "password": password, **form}, headers=OURS)


@pytest.fixture
def ada(app: Flask, db: Database) -> FlaskClient:
    with_password(db, "ada")
    client = browser(app)
    assert sign_in(client, "ada").status_code == 303
    return client


def csrf(client: FlaskClient, path: str = "/account") -> str:
    forms = elements(client.get(path).get_data(as_text=True)).tags("input")
    return next(each["value"] for each in forms if each.get("name") == "csrf")


class TestSigningIn:
    def test_a_page_asks_first_and_comes_back(self, app: Flask, db: Database) -> None:
        with_password(db, "ada")
        client = browser(app)
        sent = client.get("/experiments?q=a+b")
        assert (sent.status_code, sent.location) == (302, "/login?next=%2Fexperiments%3Fq%3Da%2Bb")
        form = elements(client.get(sent.location).get_data(as_text=True))
        onward = {each["name"]: each["value"] for each in form.tags("input") if "value" in each}
        answer = sign_in(client, "ada", next=onward["next"])
        assert (answer.status_code, answer.location) == (303, "/experiments?q=a+b")
        assert client.get("/experiments").status_code == 200

    @pytest.mark.parametrize(
        "path",
        [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "x",
            "/\t/evil.example",
            "/a\\..\\\\evil.example",
            "",
            "/\n/evil.example",
        ],
    )
    def test_it_leads_nowhere_else(self, app: Flask, db: Database, path: str) -> None:
        with_password(db, "ada")
        assert sign_in(browser(app), "ada", next=path).location == "/experiments"

    def test_the_cookie_is_for_this_server_and_no_script(self, app: Flask, db: Database) -> None:
        with_password(db, "ada")
        cookie = sign_in(browser(app), "ada").headers["Set-Cookie"]
        assert re.fullmatch(
            r"podium=[\w-]{43}; Expires=[^;]+; Max-Age=604800; HttpOnly; Path=/; SameSite=Lax",
            cookie,
        )

    def test_under_tls_it_is_for_tls_only(self, app: Flask, db: Database) -> None:
        with_password(db, "ada")
        client = browser(app)
        client.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"
        cookie = sign_in(client, "ada").headers["Set-Cookie"]
        assert cookie.startswith("__Host-podium=")
        assert "Secure" in cookie
        assert client.get("/experiments").status_code == 200
        del client.environ_base["HTTP_X_FORWARDED_PROTO"]
        assert client.get("/experiments").status_code == 302

    def test_each_time_another_login(self, app: Flask, db: Database) -> None:
        """A cookie that somebody else has planted is of no use to him afterwards."""
        with_password(db, "ada")
        client = browser(app)
        client.set_cookie("podium", "planted")
        sign_in(client, "ada")
        found = client.get_cookie("podium")
        assert found is not None
        assert found.value != "planted"
        other = browser(app)
        other.set_cookie("podium", "planted")
        assert other.get("/experiments").status_code == 302

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "http://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "null"},
        ],
    )
    def test_no_other_page_signs_anybody_in(
        self, app: Flask, db: Database, headers: dict[str, str]
    ) -> None:
        with_password(db, "ada")
        form = {"name": "ada", "password": PASSWORD}
        answer = browser(app).post("/login", data=form, headers=headers)
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers

    def test_what_is_wrong_is_said_in_the_form_and_not_more(self, app: Flask, db: Database) -> None:
        with_password(db, "ada")
        answers = [sign_in(browser(app), name, "wrong").get_data() for name in ("ada", "bob")]
        assert answers[0].replace(b"ada", b"bob") == answers[1]
        assert b"The name or the password is wrong." in answers[0]
        for _ in range(10):
            last = sign_in(browser(app), "ada", "wrong")
        assert last.status_code == 429
        assert int(last.headers["Retry-After"]) >= 1

    def test_a_fragment_that_needs_a_login_has_the_page_loaded_anew(self, app: Flask) -> None:
        answer = browser(app).get("/experiments", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["HX-Refresh"]) == (401, "true")

    def test_a_program_is_told_in_json(self, app: Flask) -> None:
        answer = app.test_client().get("/experiments", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.get_json()["error_code"]) == (401, "UNAUTHENTICATED")


class TestForms:
    def test_a_form_without_its_secret_changes_nothing(self, ada: FlaskClient) -> None:
        form = {"name": "x", "scope": "read", "days": "1"}
        for wrong in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
            assert ada.post("/account/tokens", data={**form, **wrong}).status_code == 403
        assert "None yet" in ada.get("/account").get_data(as_text=True)

    def test_nor_does_one_of_another_login(self, app: Flask, ada: FlaskClient) -> None:
        other = browser(app)
        sign_in(other, "ada")
        form = {"name": "x", "scope": "read", "days": "1", "csrf": csrf(other)}
        assert ada.post("/account/tokens", data=form).status_code == 403

    def test_its_secret_is_written_anew_on_each_page(self, ada: FlaskClient) -> None:
        """Pages are compressed: the same secret on each could be guessed from their lengths."""
        first, second = csrf(ada), csrf(ada)
        assert not any(first[at : at + 8] in second for at in range(len(first) - 8))
        for each in (first, second, first):
            form = {"name": "x", "scope": "read", "days": "1", "csrf": each}
            assert ada.post("/account/tokens", data=form).status_code == 200
        for wrong in (first[:64] + second[64:], first[:64], first + "00", "é" * 64, "0" * 128):
            form = {"name": "x", "scope": "read", "days": "1", "csrf": wrong}
            assert ada.post("/account/tokens", data=form).status_code == 403

    def test_a_call_with_the_cookie_must_come_from_our_page(self, ada: FlaskClient) -> None:
        path, body = "/api/2.0/mlflow/experiments/create", {"name": "x"}
        assert ada.post(path, json=body).status_code == 403
        assert (
            ada.post(path, json=body, headers={"Origin": "http://evil.example"}).status_code == 403
        )
        assert ada.post(path, json=body, headers=OURS).status_code == 200

    def test_a_huge_form_is_not_read(self, ada: FlaskClient) -> None:
        form = {"csrf": csrf(ada), "name": "x" * 100_000}
        assert ada.post("/account/tokens", data=form).status_code == 413


class TestAccount:
    def test_a_token_is_shown_once_and_works(self, app: Flask, ada: FlaskClient) -> None:
        form = {"name": "laptop", "scope": ["read", "log"], "days": "0", "csrf": csrf(ada)}
        html = ada.post("/account/tokens", data=form).get_data(as_text=True)
        [secret] = re.findall(r"MLFLOW_TRACKING_TOKEN=(podium_[\w-]{43})", html)
        again = ada.get("/account").get_data(as_text=True)
        assert secret not in again
        assert secret[:11] in again
        found = app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
        assert found.get_json()["scopes"] == ["log", "read"]
        ada.post("/account/tokens/1/revoke", data={"csrf": csrf(ada)})
        found = app.test_client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
        assert found.status_code == 401

    def test_signing_out_ends_the_login_on_the_server(self, app: Flask, ada: FlaskClient) -> None:
        cookie = ada.get_cookie("podium")
        assert cookie is not None
        answer = ada.post("/logout", data={"csrf": csrf(ada)})
        assert answer.location == "/login"
        stolen = browser(app)
        stolen.set_cookie("podium", cookie.value)
        assert stolen.get("/experiments").status_code == 302

    def test_another_browser_can_be_signed_out(self, app: Flask, ada: FlaskClient) -> None:
        other = browser(app)
        sign_in(other, "ada")
        page = ada.get("/account").get_data(as_text=True)
        [theirs] = re.findall(r"/account/logins/(\d+)/end", page)
        ada.post(f"/account/logins/{theirs}/end", data={"csrf": csrf(ada)})
        assert other.get("/experiments").status_code == 302
        assert ada.get("/experiments").status_code == 200

    def test_signing_out_everywhere(self, app: Flask, ada: FlaskClient) -> None:
        other = browser(app)
        sign_in(other, "ada")
        assert ada.delete("/api/v1/sessions", headers=OURS).status_code == 200
        assert [each.get("/experiments").status_code for each in (ada, other)] == [302, 302]

    def test_a_new_password_ends_every_login(self, app: Flask, ada: FlaskClient) -> None:
        other = browser(app)
        sign_in(other, "ada")
        form = {"old": PASSWORD, "password": "another long one", "csrf": csrf(ada)}
        assert ada.post("/account/password", data=form).location == "/login"
        assert [each.get("/experiments").status_code for each in (ada, other)] == [302, 302]
        assert sign_in(browser(app), "ada").status_code == 401
        assert sign_in(browser(app), "ada", "another long one").status_code == 303

    def test_a_role_that_is_taken_holds_for_the_next_page(
        self, ada: FlaskClient, db: Database
    ) -> None:
        accounts.update(db, "ada", role=Role.ADMIN)
        assert ada.get("/people").status_code == 200
        with_password(db, "other", Role.ADMIN)
        accounts.update(db, "ada", role=Role.MEMBER)
        assert ada.get("/people").status_code == 403
        assert ada.get("/experiments/0").status_code == 404

    def test_the_bar_says_who_is_signed_in(self, ada: FlaskClient) -> None:
        texts = elements(ada.get("/experiments").get_data(as_text=True)).texts
        assert ("a", "ada") in texts
        assert ("a", "People") not in texts


class TestFirstAdmin:
    def test_from_the_link_to_the_first_colleague(self, app: Flask, db: Database) -> None:
        key = invitations.for_first_admin(db)
        assert key is not None
        root = browser(app)
        page = root.get(f"/welcome?key={key}").get_data(as_text=True)
        assert "Become the first admin" in page
        form = {"key": key, "name": "root", "password": "short"}
        refused = root.post("/welcome", data=form, headers=OURS)
        assert refused.status_code == 400
        assert 'value="root"' in refused.get_data(as_text=True)
        form["password"] = PASSWORD
        assert root.post("/welcome", data=form, headers=OURS).location == "/experiments"
        assert root.post("/welcome", data=form, headers=OURS).status_code == 404

        token = csrf(root, "/people")
        root.post("/people", data={"name": "Bob", "kind": "user", "role": "viewer", "csrf": token})
        html = root.post("/people/bob/invite", data={"csrf": token}).get_data(as_text=True)
        [link] = re.findall(r"http://localhost(/welcome\?key=[\w-]+)", html)
        bob = browser(app)
        assert 'value="bob"' in bob.get(link).get_data(as_text=True)
        form = {"key": link.partition("=")[2], "name": "eve", "password": PASSWORD}
        assert bob.post("/welcome", data=form, headers=OURS).status_code == 303
        assert ("a", "bob") in elements(bob.get("/models").get_data(as_text=True)).texts

    def test_what_an_admin_sets(self, app: Flask, db: Database) -> None:
        with_password(db, "root", Role.ADMIN)
        root = browser(app)
        sign_in(root, "root")
        sent = {"csrf": csrf(root, "/people")}
        for form in ({"name": "bob", "kind": "user"}, {"name": "team", "kind": "group"}):
            root.post("/people", data={**form, "role": "member", **sent})
        root.post("/people/team/members", data={"members": "bob", **sent})
        root.post("/people/bob", data={"role": "editor", **sent})
        bob = accounts.get(db, "bob")
        assert (bob.role, bob.groups, bob.active) == (Role.EDITOR, ("team",), True)
        root.post("/people/bob", data={"state": "off", **sent})
        assert not accounts.get(db, "bob").active
        refused = root.post(
            "/people", data={"name": "bob", "kind": "user", "role": "member", **sent}
        )
        assert refused.status_code == 400
        assert 'role="alert"' in refused.get_data(as_text=True)

    def test_who_has_no_link_computes_nothing_and_is_slowed_down(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Anybody may ask that, and Argon2 takes 64 MiB and a while."""

        def compute() -> PasswordHasher:
            raise AssertionError("a password was hashed for a stranger")

        monkeypatch.setattr(credentials, "hasher", compute)
        monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: 0.0))
        form = {"key": "x", "name": "eve", "password": PASSWORD}
        eve = browser(app)
        statuses = [eve.post("/welcome", data=form, headers=OURS).status_code for _ in range(11)]
        assert statuses == [404] * 10 + [429]

    @pytest.mark.parametrize("key", ["", "x", "x" * 5000, "\x00"])
    def test_a_key_that_is_none(self, app: Flask, key: str) -> None:
        assert browser(app).get("/welcome", query_string={"key": key}).status_code == 404


@pytest.mark.parametrize("path", ["/login", "/account", "/people", "/audit"])
def test_no_page_has_script_or_may_be_framed(app: Flask, db: Database, path: str) -> None:
    with_password(db, "root", Role.ADMIN)
    root = browser(app)
    sign_in(root, "root")
    answer = root.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    found = elements(answer.get_data(as_text=True))
    assert all(each.get("src") for each in found.tags("script"))
    assert not any(name.startswith("on") for _, each in found.found for name in each)
    assert answer.headers["Cache-Control"] == "no-store"


def test_addresses_come_from_the_proxy_that_is_trusted(app: Flask, db: Database) -> None:
    """One proxy: what the caller himself wrote before it is not believed."""
    from podium.tracker import audit

    with_password(db, "ada")
    client = browser(app)
    client.environ_base["HTTP_X_FORWARDED_FOR"] = "6.6.6.6, 192.0.2.7"
    sign_in(client, "ada")
    assert audit.search(db, action="login.begin").items[0]["address"] == "192.0.2.7"


def test_every_form_that_changes_something_brings_its_secret_along() -> None:
    """But for those that are sent before there is a login."""
    folder = Path(__file__).parents[2] / "registry" / "web" / "templates"
    for template in folder.glob("*.html"):
        forms = re.findall(r'<form [^>]*method="post".*?</form>', template.read_text(), re.S)
        if template.name not in ("login.html", "welcome.html"):
            assert all('name="csrf" value="{{ csrf() }}"' in form for form in forms), template


class TestAFormThatIsTooLarge:
    """Forms are small, whoever sends them; of a larger one no more is read than that."""

    @pytest.fixture(params=["of so many bytes", "in chunks"])
    def large(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        head = b'--x\r\nContent-Disposition: form-data; name="name"; filename="x"\r\n\r\n'
        body = head + b"a" * 2**20 + b"\r\n--x--\r\n"
        sent: dict[str, Any] = {"data": body, "content_type": "multipart/form-data; boundary=x"}
        if request.param == "in chunks":  # a server ends its input there, and knows no length
            sent["input_stream"] = io.BytesIO(sent.pop("data"))
            sent["environ_overrides"] = {"wsgi.input_terminated": True}
        return sent

    def test_of_a_token(self, app: Flask, db: Database, large: dict[str, Any]) -> None:
        accounts.create(db, name="root", role=Role.ADMIN)
        secret, _ = tokens.create(db, "root", name="t", scopes=("admin",))
        bearer = {"Authorization": f"Bearer {secret}"}
        assert app.test_client().post("/people", headers=bearer, **large).status_code == 413

    def test_of_nobody(self, app: Flask, large: dict[str, Any]) -> None:
        assert app.test_client().post("/welcome", headers=OURS, **large).status_code == 413

    def test_where_nobody_is_asked(
        self, db: Database, store: ArtifactStore, sqlite_url: str, large: dict[str, Any]
    ) -> None:
        local = create_app(Config(sqlite_url, "unused"), db=db, store=store).test_client()
        assert local.post("/people", headers=OURS, **large).status_code == 413
