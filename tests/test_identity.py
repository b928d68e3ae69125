"""A server that asks who people are, as a process: how it starts, what it prints, what it keeps."""

from __future__ import annotations

import base64
import http.cookiejar
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .services import free_ports
from .services import oidc as idps
from .services.podium import PodiumServer, podium_up
from .test_cli import podium, refusal

REQUIRED = {"PODIUM_AUTH": "required"}
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=9"


def ask(server: PodiumServer, path: str, **headers: str) -> int:
    request = urllib.request.Request(server.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def post(server: PodiumServer, path: str, body: object, **headers: str) -> int:
    sent = urllib.request.Request(
        server.url + path,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(sent, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def links(server: PodiumServer) -> list[str]:
    return re.findall(r"/welcome\?key=(\S+)", server.log.read_text())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodiumServer]:
    with podium_up(tmp_path_factory.mktemp("identity"), environ=REQUIRED) as found:
        yield found


def command(server: PodiumServer, *arguments: str) -> str:
    url = f"sqlite:///{server.log.parent / 'podium.db'}"
    done = podium(*arguments, "--database", url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_prints_a_link_for_the_first_admin_and_lets_nobody_in(server: PodiumServer) -> None:
    assert len(links(server)) == 1
    assert ask(server, SEARCH) == 401
    assert ask(server, "/health") == 200
    header = base64.b64encode(b"admin:admin").decode()
    assert ask(server, SEARCH, Authorization=f"Basic {header}") == 401


def test_people_and_tokens_from_the_command_line(server: PodiumServer) -> None:
    assert command(server, "users", "add", "Ada", "--role", "viewer") == (
        "ada is a user, viewer on everything.\n"
    )
    command(server, "users", "add", "team", "--kind", "group", "--role", "editor")
    assert command(server, "users", "members", "team", "ada") == "In team: ada.\n"
    secret = command(server, "tokens", "create", "ada", "--name", "laptop").strip()
    assert ask(server, SEARCH, Authorization=f"Bearer {secret}") == 200
    listed = command(server, "tokens", "list", "ada")
    assert re.match(r"1 +podium_[\w-]{4}…  works +\d{4}-\d\d-\d\d used ", listed), listed
    assert secret not in listed
    assert "ada " in command(server, "users", "list")
    assert "in team" in command(server, "users", "list")
    command(server, "tokens", "revoke", "ada", "1")
    assert "revoked" in command(server, "tokens", "list", "ada")
    assert "/welcome?key=" in command(server, "users", "invite", "ada")
    assert command(server, "users", "set", "ada", "--off") == "ada is off, viewer on everything.\n"


def test_what_a_command_refuses(server: PodiumServer) -> None:
    url = f"sqlite:///{server.log.parent / 'podium.db'}"
    assert "--role" in refusal("users", "add", "x", "--role", "king", "--database", url)
    assert "scopes" in refusal(
        "tokens", "create", "ada", "--name", "x", "--scopes", "all", "--database", url
    )
    assert "no account" in refusal("users", "invite", "nobody", "--database", url)


PAGES = (
    "/experiments",
    "/people",
    "/audit",
    "/operations",
    "/operations/storage",
    "/webhooks",
    "/launches",
)


def test_no_secret_is_told_anywhere(server: PodiumServer) -> None:
    """Canaries: a token, a password and keys of links, used rightly and wrongly."""
    command(server, "users", "add", "canary", "--role", "admin")
    token = command(server, "tokens", "create", "canary", "--name", "x", "--scopes", "read,admin")
    invited = command(server, "users", "invite", "canary")
    [key] = re.findall(r"key=(\S+)", invited)
    password = "canary-password-of-the-test"
    pair = base64.b64encode(f"canary:{password}".encode()).decode()
    secrets = [token.strip(), key, password, pair, *links(server)]
    answers, seen = [], set()
    for headers in (
        {"Authorization": f"Bearer {token.strip()}"},
        {"Authorization": f"Bearer {token.strip()}x"},
        {"Authorization": f"Basic {pair}"},
        {"Authorization": token.strip()},
        {"Cookie": f"podium={key}"},
    ):
        for path in (
            SEARCH,
            "/api/v1/audit",
            "/api/v1/users",
            *PAGES,
            f"/welcome?key={key}",
        ):
            request = urllib.request.Request(server.url + path, headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    text = answer.read().decode()
                    seen.add(path)
            except urllib.error.HTTPError as error:
                with error:
                    text = error.read().decode()
            if not path.startswith("/welcome"):  # whose form hands the key back
                answers.append(text)
    assert set(PAGES) - seen == set()
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=60) as answer:
        answers.append(answer.read().decode())
    answers.append(command(server, "audit", "export"))
    told = server.log.read_text()
    for secret in links(server):
        told = told.replace(f"/welcome?key={secret}", "")  # printed for whoever started it
    for secret in secrets:
        assert secret not in told
        assert not any(secret in each for each in answers)
    stored = (server.log.parent / "podium.db").read_bytes()
    stored += (server.log.parent / "podium.db-wal").read_bytes()
    assert not any(secret.encode() in stored for secret in secrets)


def test_with_an_admin_there_is_no_link(tmp_path: Path) -> None:
    with podium_up(tmp_path, environ=REQUIRED) as server:
        assert len(links(server)) == 1
        command(server, "users", "add", "root", "--role", "admin")
        server.stop()
    with podium_up(tmp_path, environ=REQUIRED) as server:
        assert len(links(server)) == 1, "the one of before"


def test_a_laptop_asks_nobody(tmp_path: Path) -> None:
    with podium_up(tmp_path) as server:
        assert links(server) == []
        assert ask(server, SEARCH) == 200
        assert ask(server, SEARCH, Authorization="Bearer of-another-server") == 200
        assert post(server, "/api/v1/tokens", {"name": "x"}) == 400


def test_other_machines_are_let_in_only_where_everybody_is_asked(tmp_path: Path) -> None:
    [line] = [refusal("up", "--host", "0.0.0.0", "--data", str(tmp_path))]
    assert "P005" in line
    assert "PODIUM_AUTH=required" in line
    with podium_up(tmp_path, options=("--host", "0.0.0.0"), environ=REQUIRED) as server:
        assert ask(server, SEARCH) == 401


@pytest.mark.parametrize("value", ["yes", "on", "1", "none"])
def test_a_setting_that_could_be_misread_is_refused(tmp_path: Path, value: str) -> None:
    line = refusal("up", "--data", str(tmp_path), PODIUM_AUTH=value)
    assert "P001" in line
    assert "OFF, REQUIRED" in line


def test_people_sign_in_at_a_provider(tmp_path: Path) -> None:
    [port] = free_ports(1)
    with idps.provider() as idp:
        idp.redirect_uri = f"http://127.0.0.1:{port}/login/oidc/callback"
        idp.person = {"sub": "1", "preferred_username": "ada", "groups": ["ml"]}
        settings = {
            **REQUIRED,
            "PODIUM_OIDC_ISSUER": idp.issuer,
            "PODIUM_OIDC_CLIENT_ID": idps.CLIENT_ID,
            "PODIUM_OIDC_CLIENT_SECRET": idps.CLIENT_SECRET,
            "PODIUM_OIDC_ROLES": "ml=editor",
        }
        with podium_up(tmp_path, port=port, environ=settings) as server:
            there, back = idp.consent, []

            class ToTheProvider(urllib.request.HTTPRedirectHandler):
                def redirect_request(
                    self, req: Any, fp: Any, code: int, msg: str, *rest: Any
                ) -> Any:
                    headers, url = rest
                    if url.startswith(idp.issuer):
                        url = there(url)
                        back.append(url)
                    return super().redirect_request(req, fp, code, msg, headers, url)

            jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
            browser = urllib.request.build_opener(jar, ToTheProvider)
            with browser.open(f"{server.url}/login/oidc?next=/api/v1/me", timeout=30) as answer:
                me = json.loads(answer.read())
            told = server.log.read_text()
    assert (me["name"], me["role"]) == ("ada", "editor")
    for secret in (idps.CLIENT_SECRET, back[0].partition("?")[2]):
        assert secret not in told


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"PODIUM_OIDC_ISSUER": "http://sso.example.org"}, "P007: PODIUM_OIDC_ISSUER"),
        ({"PODIUM_OIDC_ISSUER": "https://sso.example.org"}, "P007: PODIUM_OIDC_CLIENT_ID"),
        ({"PODIUM_OIDC_ROLES": "ml=king"}, "P001: PODIUM_OIDC_ROLES"),
    ],
)
def test_a_provider_that_cannot_be_meant_is_refused(
    tmp_path: Path, settings: dict[str, str], says: str
) -> None:
    assert says in refusal("up", "--data", str(tmp_path), **REQUIRED, **settings)
