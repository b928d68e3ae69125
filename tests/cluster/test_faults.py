"""What goes wrong between the worker and a real API server: neither makes a second object.

The API server is away for five seconds here; ``FAULT_AWAY_SECONDS`` says otherwise (`make faults`:
a minute).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from podium.client.launches import LaunchState
from podium.registry.launch.cluster import Cluster as Door
from podium.registry.launch.kinds import Kind
from podium.registry.launch.kube import Away, Gone
from podium.registry.launch.render import load_site
from podium.registry.launches import orphans
from podium.registry.launches.sites import read_site
from podium.registry.launches.tables import LaunchEventRow, LaunchRow
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import delete, select

from ..crashing import forked_crashes
from ..registry.launch.samples import minimal
from ..registry.launches.killing import WORKER
from .control_plane import Cluster
from .launched import HELD, release
from .processes import wait_for
from .world import World

_JOB = Kind("batch/v1", "Job")
_AWAY_SECONDS = float(os.environ.get("FAULT_AWAY_SECONDS", "5"))


@pytest.fixture
def world(
    sqlite_url: str, store: ArtifactStore, cluster: Cluster, namespace: str, tmp_path: Path
) -> Iterator[World]:
    db = Database(sqlite_url, pool_size=4)
    yield World(db, store, cluster, namespace, tmp_path)
    db.close()


def test_a_worker_killed_at_every_step_makes_one_object_of_each(
    world: World, sqlite_url: str, tmp_path: Path
) -> None:
    launches = [world.start({**minimal("job"), "workers": 2}) for _ in range(2)]
    arguments = (f"{tmp_path}/artifacts", str(world.path), "s3://bucket/podium", str(now_ms()))
    points = forked_crashes(WORKER, sqlite_url, *arguments)
    assert {"planned", "run made", "applied main", "applied", "written", "seen"} <= set(points)
    for kind, version in (("Job", "batch/v1"), ("Service", "v1")):
        made = world.cluster.admin.list(version, kind, world.namespace)
        assert {each["metadata"]["labels"]["podium/launch-id"] for each in made} == {
            each.launch_id for each in launches
        }
        assert len(made) == 2
    states = {world.now(each).state for each in launches}
    assert states <= {LaunchState.PENDING, LaunchState.RUNNING}


def test_while_the_api_server_is_away_all_stands_as_it_stood(world: World) -> None:
    launch = world.start({**minimal("job"), "env": HELD})
    world.reaches(launch, LaunchState.RUNNING)
    world.cluster.stop_api_server()
    try:
        away, until = 0, time.monotonic() + _AWAY_SECONDS
        while time.monotonic() < until:
            try:
                world.worker.look_after("main")
            except Away:
                away += 1
            assert world.now(launch).state is LaunchState.RUNNING
            time.sleep(0.2)
    finally:
        world.cluster.start_api_server()
    assert away, "nobody asked it while it was away"
    release(world.cluster.admin, world.namespace)

    def over() -> bool:
        with suppress(Away):
            world.worker.look_after("main")
        return world.now(launch).state is LaunchState.SUCCEEDED

    wait_for("it has succeeded", over, 90)
    [job] = world.cluster.admin.list("batch/v1", "Job", world.namespace)
    assert job["status"]["succeeded"] == 1


def test_what_an_older_backup_does_not_know_is_found_and_deleted(world: World) -> None:
    known, forgotten = (world.start(minimal("job")) for _ in range(2))
    for each in (known, forgotten):
        world.reaches(each, LaunchState.RUNNING)
    with world.db.writing() as session:
        row = session.scalars(
            select(LaunchRow).where(LaunchRow.launch_id == forgotten.launch_id)
        ).one()
        session.execute(delete(LaunchEventRow).where(LaunchEventRow.launch == row.id))
        session.delete(row)
    site = read_site(world.path)
    assert orphans.find(world.db, site).objects == (), "it may have just begun"
    [found] = orphans.find(world.db, site, grace=-2000).objects  # its time is in whole seconds
    assert (found.launch_id, found.kind) == (forgotten.launch_id, "Job")
    assert orphans.delete(world.db, site, {found.uid}, grace=-2000) == (found,)

    def left() -> set[str]:
        jobs = world.cluster.admin.list("batch/v1", "Job", world.namespace)
        return {each["metadata"]["labels"]["podium/launch-id"] for each in jobs}

    wait_for("only the other is left", lambda: left() == {known.launch_id})


def test_a_watch_from_too_long_ago_is_gone(world: World) -> None:
    """410: who hears it lists again (tests/registry/launches/test_view.py)."""
    site = load_site(json.loads(world.path.read_text()))
    door = Door("main", site.clusters["main"])
    version = door.list(_JOB, world.namespace).version
    launch = world.start(minimal("job"))
    world.reaches(launch, LaunchState.RUNNING)
    # An API server that is started anew has no events from before.
    world.cluster.stop_api_server()
    world.cluster.start_api_server()
    with pytest.raises(Gone):
        list(door.watch(_JOB, world.namespace, version, seconds=5))
    # And whoever comes next finds the controllers, the scheduler and the nodes at work.
    world.reaches(world.start(minimal("job")), LaunchState.RUNNING)
