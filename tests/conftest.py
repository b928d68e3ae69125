"""Fixtures for every test: a database of each kind, an application over it, a server process."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from podium.registry.app import HISTORIES
from podium.tracker.artifacts import open_store
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.schema_history import upgrade
from xdist.remote import Producer

from .api import Api
from .services import MissingService
from .services.postgres import PostgresServer, postgres_server
from .services.s3 import S3Server, s3_server
from .spread import BySharedFixtures

_TEMPLATE = "podium_template"
_numbers = itertools.count()

# A busy machine is slow now and then, and fixtures of one test serve all its examples on purpose.
settings.register_profile(
    "podium",
    parent=settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("podium")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> BySharedFixtures:
    config.option.loadscopereorder = False  # files in the order in which they would run alone
    return BySharedFixtures(config, log)


@pytest.fixture(autouse=True)
def no_server_by_environment() -> Iterator[None]:
    """MLflow writes the address it was given there, where the next test's client would find it."""
    yield
    os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server in a temporary folder, with a migrated template database."""
    try:
        with postgres_server() as server:
            db = Database(server.create_database(_TEMPLATE), pool_size=1)
            upgrade(db, HISTORIES)
            db.close()
            yield server
    except MissingService as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A real S3 server (SeaweedFS), started when the first test asks for it."""
    try:
        with s3_server() as server:
            yield server
    except MissingService as missing:
        pytest.skip(str(missing))


@pytest.fixture
def s3_environment(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with its credentials where boto3 and minio look for them."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return s3


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    db = Database(f"sqlite:///{path}", pool_size=1)
    upgrade(db, HISTORIES)
    db.close()
    return path


@pytest.fixture
def new_database(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path
) -> Callable[[str], str]:
    """Makes a fresh, migrated database of a kind; for tests that need several."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return _copy(sqlite_template, tmp_path / f"database-{next(_numbers)}")
        server: PostgresServer = request.getfixturevalue("postgres")
        return server.create_database(f"test_{next(_numbers)}", template=_TEMPLATE)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> str:
    """A fresh, migrated database: the test runs once on each kind."""
    return new_database(request.param)


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A fresh, migrated SQLite database, for tests to which the kind makes no difference."""
    return _copy(sqlite_template, tmp_path)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, pool_size=8)
    yield database
    database.close()


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return open_store(str(tmp_path / "artifacts"), None)


@pytest.fixture
def app(db: Database, store: ArtifactStore, database_url: str) -> Flask:
    from podium.tracker.app import create_app

    config = Config(database_url=database_url, artifacts="unused")
    return create_app(config, db=db, store=store)


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app.test_client())


def _copy(template: Path, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "podium.db"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"
