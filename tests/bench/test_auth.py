"""What it costs a request that its caller is known, and that he may not see everything."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from podium.tracker import experiments
from podium.tracker.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import accounts, grants, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.config import Config
from podium.tracker.db import Database

from .conftest import Figures

pytestmark = pytest.mark.bench

_ME, _SEARCH = "/api/v1/me", "/api/2.0/mlflow/experiments/search?max_results=20"


@pytest.fixture
def apps(sqlite_url: str, store: ArtifactStore) -> Iterator[tuple[Flask, Flask, Database]]:
    """The same database behind a server that asks nobody, and one that asks everybody."""
    db = Database(sqlite_url, pool_size=2)
    local, asking = (
        create_app(Config(sqlite_url, "unused", auth_required=asked), db=db, store=store)
        for asked in (False, True)
    )
    yield local, asking, db
    db.close()


def test_authentication(apps: tuple[Flask, Flask, Database], figures: Figures) -> None:
    local, asking, db = apps
    accounts.create(db, name="ada", role=Role.EDITOR)
    secret, _ = tokens.create(db, "ada", name="bench")
    asked, unasked = _microseconds([(asking, secret, _ME), (local, secret, _ME)])
    figures.add("a request with a token", asked, unasked, "us", peer_name="nobody is asked")


def test_roles(apps: tuple[Flask, Flask, Database], figures: Figures) -> None:
    _, asking, db = apps
    accounts.create(db, name="member")
    accounts.create(db, name="editor", role=Role.EDITOR)
    for number in range(1000):
        made = experiments.create_experiment(db, name=f"e{number}").experiment_id
        grants.give(db, "experiment", made, principal="member", role=Role.VIEWER)
    secrets = [tokens.create(db, name, name="bench")[0] for name in ("member", "editor")]
    mine, every = _microseconds([(asking, each, _SEARCH) for each in secrets], 200)
    figures.add("search, 1,000 given", mine, every, "us", peer_name="editor of everything")


def _microseconds(asked: list[tuple[Flask, str, str]], times: int = 1000) -> list[float]:
    """Processor time of each request, in turns, so that what disturbs one disturbs all."""
    found: list[list[float]] = [[] for _ in asked]
    clients = [app.test_client() for app, _, _ in asked]
    for _ in range(times):
        for which, (_, secret, path) in enumerate(asked):
            begun = time.thread_time()
            answer = clients[which].get(path, headers={"Authorization": f"Bearer {secret}"})
            found[which].append((time.thread_time() - begun) * 1e6)
            assert answer.status_code == 200
    return [statistics.median(each) for each in found]
