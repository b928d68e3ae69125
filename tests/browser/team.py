"""A server that asks who people are, with three of them, and a browser for each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from ..services.podium import PodiumServer, podium_up
from .site import Site

PASSWORD = "a long password for tests"


@dataclass(frozen=True, slots=True)
class Team:
    """``ada`` is an editor, ``bo`` an approver, ``root`` all; ``site`` asks as root."""

    url: str
    site: Site


@contextmanager
def team_on(data: Path, environ: Mapping[str, str] | None = None) -> Iterator[Team]:
    required = {"PODIUM_AUTH": "required", **(environ or {})}
    with podium_up(data, environ=required) as server:
        http = urllib3.PoolManager()
        _accept(http, server.url, _first_key(server), "root")
        headers = urllib3.make_headers(basic_auth=f"root:{PASSWORD}")
        admin = urllib3.PoolManager(headers={**headers, "Content-Type": "application/json"})
        for name, role in (("ada", "editor"), ("bo", "approver")):
            body = json.dumps({"name": name, "role": role})
            made = admin.request("POST", f"{server.url}/api/v1/users", body=body)
            assert made.status == 200, made.data
            invited = admin.request("POST", f"{server.url}/api/v1/users/{name}/invitations")
            key = re.search(r"key=([\w-]+)", invited.data.decode())
            assert key
            _accept(http, server.url, key[1], "")
        yield Team(server.url, Site(server.url, admin))
        http.clear()
        admin.clear()


def sign_in(context: BrowserContext, complaints: list[str], name: str) -> Page:
    page = context.new_page()

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_default_timeout(30_000)
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name=name)).to_be_visible()
    return page


def _first_key(server: PodiumServer) -> str:
    [key] = re.findall(r"/welcome\?key=(\S+)", server.log.read_text())
    return str(key)


def _accept(http: urllib3.PoolManager, url: str, key: str, name: str) -> None:
    fields = {"key": key, "name": name, "password": PASSWORD}
    answer = http.request(
        "POST",
        f"{url}/welcome",
        fields=fields,
        headers={"Origin": url},
        encode_multipart=False,
        redirect=False,
    )
    assert answer.status == 303, answer.data
