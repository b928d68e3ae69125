"""Who asks too often is told when to come again."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from flask import Flask
from podium.tracker.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import throttle, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.config import Config
from podium.tracker.db import Database

from .conftest import As, by_token, someone

ME = ("GET", "/api/v1/me")


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is let through again, however long a test takes."""
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.fixture
def slow(db: Database, store: ArtifactStore, database_url: str) -> Flask:
    """One request a second, ten at once."""
    config = Config(database_url, "unused", auth_required=True)
    return create_app(replace(config, rate_limit=1), db=db, store=store)


def test_a_token_that_asks_too_often_waits_and_no_other_of_its_owner_does(slow: Flask) -> None:
    ada = someone(slow, "ada", Role.VIEWER)
    other, _ = tokens.create(slow.extensions["podium"].db, "ada", name="other")
    answers = [ada.call(*ME) for _ in range(20)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:10] == [200] * 10
    assert 429 in statuses
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert refused.get_json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert by_token(slow, other).status(*ME) == 200


def test_an_address_that_asks_too_often_waits_with_all_its_tokens(slow: Flask) -> None:
    many = [someone(slow, f"user{number}", Role.VIEWER) for number in range(6)]
    answers = [each.call(*ME) for _ in range(9) for each in many]
    assert [answer.status_code for answer in answers[:20]] == [200] * 20
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) > 20
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)
    assert "your address" in refused[0].get_json()["message"]
    elsewhere = As(slow, **many[0].headers)
    elsewhere.http.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert elsewhere.status(*ME) == 200


def test_wrong_tokens_from_one_address_are_slowed_down_and_right_ones_are_not(
    guarded: Flask,
) -> None:
    wrong, right = by_token(guarded, "podium_x"), someone(guarded, "ada", Role.VIEWER)
    statuses = {wrong.status(*ME) for _ in range(130)}
    assert statuses == {401, 429}
    assert As(guarded).status(*ME) == 429
    assert right.status(*ME) == 200


def test_nobody_is_counted_where_nobody_is_asked(app: Flask) -> None:
    local = As(app)
    assert {local.status("GET", "/api/v1/tokens") for _ in range(130)} == {400}
