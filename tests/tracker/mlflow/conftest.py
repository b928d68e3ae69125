"""Servers whose database makes no difference: one keeps files in a folder, one on S3."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from podium.tracker.app import create_app
from podium.tracker.artifacts import open_store
from podium.tracker.config import Config

from ...api import Api
from ...services.s3 import S3Server

_numbers = itertools.count()


@pytest.fixture
def on_folder(sqlite_url: str, tmp_path: Path) -> Iterator[Api]:
    with _serving(sqlite_url, str(tmp_path / "artifacts")) as api:
        yield api


@pytest.fixture
def on_s3(sqlite_url: str, s3_environment: S3Server) -> Iterator[Api]:
    bucket = f"mlflow-{next(_numbers)}"
    s3_environment.administrator().make_bucket(bucket)
    with _serving(sqlite_url, f"s3://{bucket}/prefix", s3_environment.endpoint) as api:
        yield api


@contextmanager
def _serving(database_url: str, artifacts: str, endpoint: str | None = None) -> Iterator[Api]:
    config = Config(database_url=database_url, artifacts=artifacts, s3_endpoint=endpoint)
    app = create_app(config, store=open_store(artifacts, endpoint))
    yield Api(app.test_client())
    app.extensions["podium"].db.close()
