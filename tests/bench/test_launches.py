"""Launches reconciled on a real API server, beside creating the same objects and nothing more."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from podium.registry.launch.cluster import connect
from podium.registry.launch.render import load_site
from podium.registry.launches.tables import LaunchRow
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database
from sqlalchemy import func, select

from ..cluster import nodes
from ..cluster.control_plane import control_plane
from ..cluster.launched import Launched
from ..cluster.rest import Rest
from ..cluster.world import World
from ..registry.launch.samples import minimal
from ..services import MissingService
from .conftest import Figures

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

_LAUNCHES = int(os.environ.get("BENCH_LAUNCHES", "500"))
_PEER = "only creating the Jobs"


def test_from_start_to_closed(
    sqlite_url: str, store: ArtifactStore, tmp_path: Path, figures: Figures
) -> None:
    spec = minimal("job") | {
        "env": {"KWOK_SECONDS": "1s"},
        "resources": {"cpu": "50m", "memory": "64Mi"},
    }
    db = Database(sqlite_url, pool_size=4)
    try:
        with control_plane() as cluster:
            nodes.create(cluster.admin, cluster.kwok)
            for name in ("team-raw", "team-ours"):
                meta = {"name": name}
                cluster.admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
            raw_cpu, raw_took = _raw(cluster.admin, spec)
            world = World(db, store, cluster, "team-ours", tmp_path)
            door = connect("main", load_site(json.loads(world.path.read_text())).clusters["main"])
            for _ in range(_LAUNCHES):
                world.start(spec)
            began, used = time.monotonic(), time.process_time()
            while _open(db):
                world.worker.look_after("main")
                time.sleep(0.1)
            used, took = time.process_time() - used, time.monotonic() - began
    except MissingService as missing:
        pytest.skip(str(missing))
    finally:
        db.close()
    calls = sum(door.tally.calls.values())
    figures.add("API calls a launch", calls / _LAUNCHES, 1, "", peer_name=_PEER)
    figures.add("CPU a launch", used / _LAUNCHES * 1e3, raw_cpu * 1e3, "ms", peer_name=_PEER)
    figures.rate("launches", _LAUNCHES / took, 1 / raw_took, "/s", peer_name=_PEER)


def _raw(admin: Rest, spec: dict[str, object]) -> tuple[float, float]:
    """Seconds for each: of this process' CPU, and by the clock."""
    made = [Launched(admin, "team-raw", spec).main for _ in range(_LAUNCHES)]
    used, began = time.process_time(), time.monotonic()
    for each in made:
        admin.apply(each)
    spent, took = time.process_time() - used, time.monotonic() - began
    return spent / _LAUNCHES, took / _LAUNCHES


def _open(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).where(~LaunchRow.closed)) or 0
