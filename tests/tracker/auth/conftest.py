"""A server that asks who people are, and people for it to know."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from podium.tracker.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import accounts, credentials, tokens
from podium.tracker.auth.caller import end
from podium.tracker.auth.permissions import SCOPES
from podium.tracker.auth.roles import Role
from podium.tracker.config import Config
from podium.tracker.db import Database
from werkzeug.test import TestResponse


@pytest.fixture(autouse=True)
def nobody_afterwards() -> Iterator[None]:
    yield
    end()


@pytest.fixture
def database_url(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> str:
    """What is asked of the database here is mostly plain: SQLite, unless a test says otherwise."""
    return new_database(getattr(request, "param", "sqlite"))


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """To check one takes long on purpose, and here it need not."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "hasher", lambda: cheap)
    monkeypatch.setattr(credentials, "_NOBODYS", [])


@pytest.fixture
def guarded(db: Database, store: ArtifactStore, database_url: str) -> Flask:
    config = Config(database_url=database_url, artifacts="unused", auth_required=True)
    return create_app(config, db=db, store=store)


class As:
    """Requests of one caller, by whatever headers he sends."""

    def __init__(self, app: Flask, **headers: str) -> None:
        self.http = app.test_client()
        self.headers = headers

    def call(self, method: str, path: str, **body: Any) -> TestResponse:
        path = path if path.startswith(("/api", "/get-")) else f"/api/2.0/mlflow{path}"
        sent: dict[str, Any] = {"json": body}
        if method == "GET":
            sent = {"query_string": body} if body else {}
        return self.http.open(path, method=method, headers=self.headers, **sent)

    def status(self, method: str, path: str, **body: Any) -> int:
        return self.call(method, path, **body).status_code

    def ok(self, method: str, path: str, **body: Any) -> Any:
        answer = self.call(method, path, **body)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()


def by_token(app: Flask, secret: str) -> As:
    return As(app, Authorization=f"Bearer {secret}")


def by_password(app: Flask, name: str, password: str) -> As:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return As(app, Authorization=f"Basic {pair}")


def someone(
    app: Flask, name: str, role: Role = Role.MEMBER, *, scopes: tuple[str, ...] = SCOPES
) -> As:
    """A new person with a token."""
    db: Database = app.extensions["podium"].db
    accounts.create(db, name=name, role=role)
    secret, _ = tokens.create(db, name, name="test", scopes=scopes)
    return by_token(app, secret)
