"""A worker with its site, and a node whose pods are processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database

from ...registry.launch.samples import IMAGE
from ..control_plane import Cluster
from ..kubelet import LABEL, TAINT, Kubelet
from ..pods import Image
from .operated import Operated


@pytest.fixture
def world(
    sqlite_url: str, store: ArtifactStore, cluster: Cluster, namespace: str, tmp_path: Path
) -> Iterator[Operated]:
    db = Database(sqlite_url, pool_size=4)
    yield Operated(db, store, cluster, namespace, tmp_path)
    db.close()


@pytest.fixture
def kubelet(cluster: Cluster, world: Operated, tmp_path: Path) -> Iterator[Kubelet]:
    """The world's launches go to its node."""
    folder = tmp_path / "pods"
    folder.mkdir()
    programs = (Path(sys.executable).parent, Path("/usr/bin"), Path("/bin"))
    started = Kubelet(cluster.admin, "local-2", {IMAGE: Image(programs)}, folder)
    started.start()
    world.site_says(node_selector=LABEL, tolerations=[{"key": TAINT["key"]}])
    yield started
    started.stop()
    cluster.admin.delete({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "local-2"}})
