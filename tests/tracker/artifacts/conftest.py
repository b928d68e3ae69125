"""Stores of every kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.files import FolderStore
from podium.tracker.artifacts.paths import S3Location
from podium.tracker.artifacts.s3 import S3Store
from podium.tracker.artifacts.s3_direct import DirectS3Store

from ...services.s3 import S3Server

_numbers = itertools.count()


@pytest.fixture
def bucket_store(s3_environment: S3Server) -> DirectS3Store:
    """A store in a fresh bucket of the real server, below a prefix."""
    name = f"test-{next(_numbers)}"
    s3_environment.administrator().make_bucket(name)
    return DirectS3Store(S3Location.parse(f"s3://{name}/some/prefix"), s3_environment.endpoint)


@pytest.fixture
def moto_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """A store in a fresh bucket of what boto3 takes for AWS."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        store = S3Store(S3Location.parse("s3://of-aws"))
        store._client.create_bucket(Bucket="of-aws")
        yield store


@pytest.fixture
def folder_store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture(params=["folder", "seaweedfs", "moto"])
def store(request: pytest.FixtureRequest) -> ArtifactStore:
    """Each kind of store in turn."""
    name = {"folder": "folder_store", "seaweedfs": "bucket_store", "moto": "moto_store"}
    found: ArtifactStore = request.getfixturevalue(name[request.param])
    return found
