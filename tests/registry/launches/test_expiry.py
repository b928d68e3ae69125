"""What has ended stays for a while and is cleared away, also where its system keeps it for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
from podium.client.launches import Launch, LaunchState
from podium.registry.launch.names import LAUNCH
from podium.registry.launches.tables import LaunchRow
from sqlalchemy import select, update

from ..launch.apiserver import ApiServer
from ..launch.samples import minimal
from .conftest import SERVE, TRAIN, World, condition, ready

ENDED: dict[str, dict[str, Any]] = {
    "trainjob": {"conditions": [condition("Complete")]},
    "rayjob": {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"},
    "katib": {"conditions": [condition("Succeeded")]},
    "job": {"conditions": [condition("Complete")]},
}
DAY = 86_400


def ended(world: World, target: str = "job") -> Launch:
    launch = world.start(minimal(target))
    world.work()
    kind, name = world.launch(launch).objects[-1].kind, world.launch(launch).objects[-1].name
    world.server.say(world.server.find(kind, name), **ENDED[target])
    world.work()
    assert world.launch(launch).state is LaunchState.SUCCEEDED
    return launch


def expire_after(world: World, seconds: float) -> int:
    """How many are cleared away so long after their end."""
    with world.db.writing() as session:
        session.execute(
            update(LaunchRow)
            .where(LaunchRow.ended.is_not(None))
            .values(ended=world.clock.now - int(seconds * 1000))
        )
    return world.worker.expire()


@pytest.mark.parametrize("target", ENDED)
def test_after_a_day(world: World, target: str) -> None:
    world.version()
    ended(world, target)
    assert world.server.objects
    assert expire_after(world, DAY - 60) == 0
    assert world.server.objects
    assert expire_after(world, DAY + 1) == 1
    assert world.server.objects == {}
    before = dict(world.server.calls)
    assert world.worker.expire() == 0
    assert dict(world.server.calls) == before


def test_as_the_site_says(world: World) -> None:
    world.version()
    ended(world)
    site = json.loads(world.path.read_text())
    world.path.write_text(json.dumps({**site, "keep_finished": "1h"}))
    assert expire_after(world, 3601) == 1


def test_not_before_its_log_is_kept(world: World) -> None:
    """As of a store that has been away since."""
    world.version()
    ended(world)
    with world.db.writing() as session:
        session.execute(update(LaunchRow).values(closed=False))
    assert expire_after(world, DAY + 1) == 0
    assert world.server.objects


def test_nothing_that_another_has_made(world: World) -> None:
    """Under the same name, as after a restored backup; nor what runs or serves."""
    world.version()
    job, service = ended(world), world.start(SERVE)
    running = world.start(TRAIN)
    world.work()
    world.server.say(world.server.find("Deployment"), **ready(world.server.find("Deployment")))
    there = world.server.find("Job", world.launch(job).objects[0].name)
    there["metadata"]["labels"][LAUNCH] = "another"
    assert expire_after(world, DAY + 1) == 1
    assert there in world.server.all("Job")
    assert len(world.server.all("Job")) == 2
    assert world.server.find("Deployment")
    assert world.launch(running).active
    assert world.launch(service).active


def test_one_cluster_that_is_away_keeps_no_other_waiting(world: World) -> None:
    world.version()
    ended(world)
    with ApiServer().running() as away, world.db.writing() as session:
        site = json.loads(world.path.read_text())
        folder = world.path.parent / "away"
        folder.mkdir()
        other = {"kubeconfig": away.kubeconfig(folder), "namespace": "team"}
        site["clusters"] = {"away": other, **site["clusters"]}
        world.path.write_text(json.dumps(site))
        away.down = True
        row = session.scalars(select(LaunchRow)).one()
        said = {each.name: getattr(row, each.name) for each in LaunchRow.__table__.columns}
        session.add(LaunchRow(**{**said, "id": None, "launch_id": "0" * 32, "cluster": "away"}))
    assert expire_after(world, DAY + 1) == 1
    assert world.server.objects == {}


def test_what_may_not_be_deleted_is_tried_again(world: World) -> None:
    world.version()
    ended(world)
    world.server.denied.add("delete jobs")
    assert expire_after(world, DAY + 1) == 0
    world.server.denied.clear()
    assert expire_after(world, DAY + 1) == 1
    assert world.server.objects == {}
