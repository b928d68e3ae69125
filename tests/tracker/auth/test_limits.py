"""Who asks too often is told when to come again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from podium.tracker.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth.roles import Role
from podium.tracker.config import Config
from podium.tracker.db import Database

from .conftest import As, by_token, someone

ME = ("GET", "/api/v1/me")


@pytest.fixture
def slow(db: Database, store: ArtifactStore, database_url: str) -> Flask:
    """One request a second, ten at once."""
    config = Config(database_url, "unused", auth_required=True)
    return create_app(replace(config, rate_limit=1), db=db, store=store)


def test_an_account_that_asks_too_often_waits_and_no_other_does(slow: Flask) -> None:
    ada, bob = someone(slow, "ada", Role.VIEWER), someone(slow, "bob", Role.VIEWER)
    answers = [ada.call(*ME) for _ in range(20)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:10] == [200] * 10
    assert 429 in statuses
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert refused.get_json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert bob.status(*ME) == 200


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
