"""Two servers over one database: what ends at one is over at the other with the next request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import urllib3
from podium.tracker.auth import accounts, invitations, logins, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from ...services.podium import podium_up

ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Pair:
    first: str
    second: str
    db: Database
    http: urllib3.PoolManager

    def status(self, url: str, path: str, **headers: str) -> int:
        return self.http.request("GET", url + path, headers=headers, redirect=False).status


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    url = f"sqlite:///{folder}/podium.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").create_database("pair")
    options, required = ["--database", url], {"PODIUM_AUTH": "required"}
    with (
        podium_up(folder / "one", options=options, environ=required) as first,
        podium_up(folder / "two", options=options, environ=required) as second,
    ):
        db = Database(url, pool_size=2)
        http = urllib3.PoolManager()
        yield Pair(first.url, second.url, db, http)
        http.clear()
        db.close()


@pytest.fixture
def admin(pair: Pair) -> Callable[[str, str, bytes], None]:
    """Asks the first server to change something."""
    name = f"root{len(accounts.everybody(pair.db))}"
    accounts.create(pair.db, name=name, role=Role.ADMIN)
    secret, _ = tokens.create(pair.db, name, name="x", scopes=("read", "admin"))
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def ask(method: str, path: str, body: bytes = b"{}") -> None:
        url = f"{pair.first}/api/v1/{path}"
        answer = pair.http.request(method, url, body=body, headers=headers)
        assert answer.status == 200, answer.data

    return ask


def test_a_token_a_role_a_group_and_an_account(
    pair: Pair, admin: Callable[[str, str, bytes], None]
) -> None:
    accounts.create(pair.db, name="admins", kind=accounts.GROUP, role=Role.ADMIN)
    for number in range(ROUNDS):  # what is remembered would be noticed at once or never
        name = f"ada{number}"
        accounts.create(pair.db, name=name, role=Role.VIEWER)
        secret, made = tokens.create(pair.db, name, name="x", scopes=("read", "admin"))
        bearer = {"Authorization": f"Bearer {secret}"}

        def status(path: str, bearer: dict[str, str] = bearer) -> int:
            return pair.status(pair.second, f"/api/v1/{path}", **bearer)

        assert (status("me"), status("users")) == (200, 403)
        admin("PATCH", f"users/{name}", b'{"role": "admin"}')
        assert status("users") == 200
        admin("PATCH", f"users/{name}", b'{"role": "viewer"}')
        assert status("users") == 403
        admin("PUT", "users/admins/members", f'{{"members": ["{name}"]}}'.encode())
        assert status("users") == 200
        admin("PUT", "users/admins/members", b'{"members": []}')
        assert status("users") == 403
        admin("PATCH", f"users/{name}", b'{"active": false}')
        assert status("me") == 401
        admin("PATCH", f"users/{name}", b'{"active": true}')
        assert status("me") == 200
        admin("DELETE", f"users/{name}/tokens/{made.id}", b"")
        assert status("me") == 401


def test_a_token_that_replaces_another(
    pair: Pair, admin: Callable[[str, str, bytes], None]
) -> None:
    accounts.create(pair.db, name="job", kind=accounts.SERVICE, role=Role.VIEWER)
    old, made = tokens.create(pair.db, "job", name="old", scopes=("read",))
    for _ in range(ROUNDS):
        assert pair.status(pair.second, "/api/v1/me", Authorization=f"Bearer {old}") == 200
        new, replaced = tokens.create(pair.db, "job", name="new", scopes=("read",))
        assert pair.status(pair.second, "/api/v1/me", Authorization=f"Bearer {new}") == 200
        admin("DELETE", f"users/job/tokens/{made.id}", b"")
        assert pair.status(pair.second, "/api/v1/me", Authorization=f"Bearer {old}") == 401
        assert pair.status(pair.second, "/api/v1/me", Authorization=f"Bearer {new}") == 200
        old, made = new, replaced


def test_a_browser_that_signs_out(pair: Pair) -> None:
    accounts.create(pair.db, name="bo", role=Role.VIEWER)
    with pair.db.reading() as session:
        number = accounts.find(session, "bo").id
    for _ in range(ROUNDS):
        cookie = {"Cookie": f"podium={logins.begin(pair.db, number)}"}
        assert pair.status(pair.second, "/account", **cookie) == 200
        assert pair.status(pair.first, "/account", **cookie) == 200
        ended = pair.http.request(
            "DELETE",
            f"{pair.first}/api/v1/sessions",
            headers={**cookie, "Origin": pair.first},
        )
        assert ended.status == 200, ended.data
        assert pair.status(pair.second, "/account", **cookie) == 401


def test_a_password_that_is_replaced(pair: Pair) -> None:
    """At the second server both the login and the former password are remembered by then."""
    accounts.create(pair.db, name="cy", role=Role.VIEWER)
    link = invitations.for_account(pair.db, "cy")
    old = "the first long one"
    invitations.accept(pair.db, link, name="", password=old)
    with pair.db.reading() as session:
        number = accounts.find(session, "cy").id
    for turn in range(3):
        new = f"another long one, {turn}"
        secrets = [logins.begin(pair.db, number) for _ in range(2)]
        cookies = [{"Cookie": f"podium={secret}"} for secret in secrets]
        basic = {each: urllib3.make_headers(basic_auth=f"cy:{each}") for each in (old, new)}
        assert [pair.status(pair.second, "/account", **each) for each in cookies] == [200, 200]
        assert pair.status(pair.second, "/api/v1/me", **basic[old]) == 200
        form = {"old": old, "password": new, "csrf": logins.masked(logins.csrf_of(secrets[0]))}
        changed = pair.http.request(
            "POST",
            f"{pair.first}/account/password",
            fields=form,
            encode_multipart=False,
            headers={**cookies[0], "Origin": pair.first},
            redirect=False,
        )
        assert changed.status == 303, changed.data
        assert [pair.status(pair.second, "/account", **each) for each in cookies] == [401, 401]
        assert pair.status(pair.second, "/api/v1/me", **basic[old]) == 401
        assert pair.status(pair.second, "/api/v1/me", **basic[new]) == 200
        old = new
