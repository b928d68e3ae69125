"""A cluster to launch on, without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from podium.registry.launch.cluster import Cluster
from podium.registry.launch.site import Connection

from .apiserver import ApiServer


@pytest.fixture
def apiserver() -> Iterator[ApiServer]:
    with ApiServer().running() as server:
        yield server


@pytest.fixture
def connection(apiserver: ApiServer, tmp_path: Path) -> Connection:
    return Connection(kubeconfig=apiserver.kubeconfig(tmp_path), namespace="team")


@pytest.fixture
def cluster(connection: Connection) -> Cluster:
    return Cluster("test", connection)
