"""Denied unless declared: every route says what its caller needs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from podium.tracker.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth.permissions import LOG, PUBLIC, READ, Permission, permission_of
from podium.tracker.config import Config
from podium.tracker.db import Database

_SAFE = {"GET", "HEAD", "OPTIONS"}


@pytest.fixture
def app(sqlite_url: str, store: ArtifactStore) -> Flask:
    db = Database(sqlite_url, pool_size=1)
    return create_app(Config(database_url=sqlite_url, artifacts="unused"), db=db, store=store)


def views(app: Flask) -> list[tuple[str, set[str], Permission | None]]:
    return [
        (rule.rule, rule.methods or set(), permission_of(app.view_functions[rule.endpoint]))
        for rule in app.url_map.iter_rules()
    ]


def test_every_route_declares_a_permission(app: Flask) -> None:
    assert [path for path, _, permission in views(app) if permission is None] == []


def test_what_is_public_is_on_this_list(app: Flask) -> None:
    assert {path for path, _, permission in views(app) if permission is PUBLIC} == {
        "/health",
        "/ready",
        "/version",
        "/metrics",
        "/api/v1/mlflow/openapi.json",
        "/api/3.0/mlflow/server-info",
        "/ajax-api/3.0/mlflow/server-info",
    }


def test_what_only_reads_is_a_get_a_search_or_a_question(app: Flask) -> None:
    """A route that changes something must not get away with READ because it was copied."""
    asking = ("/search", "/search-datasets", "/charts", "/presigned-download-url")
    for path, methods, permission in views(app):
        if permission is READ:
            assert methods <= _SAFE or path.endswith(asking), path
        elif permission is LOG:
            assert not methods & {"GET"}, path


def test_a_view_that_declares_nothing_is_never_called(app: Flask) -> None:
    called = []

    def forgotten() -> str:
        called.append(True)
        return "secret"

    view: Callable[[], str] = forgotten
    app.add_url_rule("/api/forgotten", view_func=view, methods=["GET", "POST"])
    for method in ("GET", "HEAD", "POST"):
        answer = app.test_client().open("/api/forgotten", method=method)
        assert answer.status_code == 403
    assert answer.json == {
        "error_code": "PERMISSION_DENIED",
        "message": "forgotten declares no permission, so nobody has it.",
    }
    assert called == []
