"""Installations, as the tests of exports have them, and places for backups."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from podium.tracker.artifacts import open_store
from podium.tracker.artifacts.base import ArtifactStore

from ...services.s3 import S3Server
from ..transfer.conftest import make

__all__ = ["make"]

_numbers = itertools.count()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], ArtifactStore]:
    """Makes an empty place for backups: a folder, or a prefix of a bucket."""

    def new(kind: str) -> ArtifactStore:
        number = next(_numbers)
        if kind == "folder":
            return open_store(str(tmp_path / f"backups-{number}"))
        s3: S3Server = request.getfixturevalue("s3_environment")
        s3.administrator().make_bucket(f"backups-{number}")
        return open_store(f"s3://backups-{number}/of/podium", s3.endpoint)

    return new
