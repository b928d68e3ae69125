"""Servers whose database makes no difference: one keeps files in a folder, one on S3."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from podium.tracker.app import create_app
from podium.tracker.artifacts import open_store
from podium.tracker.config import Config

from ...api import Api
from ...services import MissingService
from ...services.s3 import S3Server, s3_server

_numbers = itertools.count()


@pytest.fixture
def on_folder(sqlite_url: str, tmp_path: Path) -> Iterator[Api]:
    with _serving(sqlite_url, str(tmp_path / "artifacts")) as api:
        yield api


@pytest.fixture
def on_s3(sqlite_url: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"mlflow-{next(_numbers)}"
    boto3.client("s3", endpoint_url=s3.endpoint).create_bucket(Bucket=bucket)
    with _serving(sqlite_url, f"s3://{bucket}/prefix", s3.endpoint) as api:
        yield api


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    try:
        with s3_server() as server:
            yield server
    except MissingService as missing:
        pytest.skip(str(missing))


@contextmanager
def _serving(database_url: str, artifacts: str, endpoint: str | None = None) -> Iterator[Api]:
    config = Config(database_url=database_url, artifacts=artifacts, s3_endpoint=endpoint)
    app = create_app(config, store=open_store(artifacts, endpoint))
    yield Api(app.test_client())
    app.extensions["podium"].db.close()
