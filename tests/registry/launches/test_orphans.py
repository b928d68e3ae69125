"""What a cluster has of launches nobody knows, and launches of which it has nothing."""

from __future__ import annotations

import pytest
from podium.client.launches import Launch
from podium.registry.launch.names import LAUNCH
from podium.registry.launches import orphans
from podium.registry.launches.tables import LaunchCluster, LaunchEventRow, LaunchRow
from podium.tracker.audit.table import AuditRow
from sqlalchemy import delete, select

from ..launch.apiserver import Object
from .conftest import SERVE, TRAIN, World


@pytest.fixture
def two(world: World) -> tuple[Launch, Launch]:
    """A job and a service, in the cluster for an hour."""
    world.version()
    made = world.start(TRAIN), world.start(SERVE, scaling={"min": 1, "max": 2})
    world.work()
    for each in world.server.objects.values():
        _age(each)
    with world.db.writing() as session:
        for row in session.scalars(select(LaunchRow)):
            row.applied = (row.applied or 0) - 1_000_000_000_000
    return made


def _age(found: Object) -> None:
    found["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"


def _forget(world: World, launch: Launch) -> None:
    """As if an older backup had been restored."""
    with world.db.writing() as session:
        row = session.scalars(
            select(LaunchRow).where(LaunchRow.launch_id == launch.launch_id)
        ).one()
        session.execute(delete(LaunchEventRow).where(LaunchEventRow.launch == row.id))
        session.delete(row)


def test_there_are_none(world: World, two: tuple[Launch, Launch]) -> None:
    found = orphans.find(world.db, world.site)
    assert (found.objects, found.launches, found.unseen) == ((), (), ())


def test_what_no_launch_knows_is_told_and_deleted_on_request(
    world: World, two: tuple[Launch, Launch]
) -> None:
    job, service = two
    for launch in two:
        _forget(world, launch)
    found = orphans.find(world.db, world.site)
    # The Service and the HPA are the Deployment's.
    assert {(each.kind, each.launch_id) for each in found.objects} == {
        ("Job", job.launch_id),
        ("Deployment", service.launch_id),
    }
    [one] = [each for each in found.objects if each.kind == "Job"]
    assert (one.cluster, one.namespace) == ("main", "team")
    assert orphans.delete(world.db, world.site, {one.uid, "of-something-else"}) == (one,)
    assert [each["kind"] for each in world.server.all("Job")] == []
    assert world.server.all("Deployment")
    with world.db.reading() as session:
        actions = [row.action for row in session.scalars(select(AuditRow))]
    assert actions.count("launch.orphan.delete") == 1
    assert orphans.delete(world.db, world.site, {one.uid}) == ()


def test_what_has_just_begun_is_left_alone(world: World) -> None:
    world.version()
    launch = world.start(TRAIN)
    world.work()
    _forget(world, launch)
    job = world.server.find("Job")
    assert orphans.find(world.db, world.site).objects == ()
    assert orphans.delete(world.db, world.site, {job["metadata"]["uid"]}) == ()
    assert world.server.all("Job") == [job]


def test_one_that_came_to_be_known_is_not_deleted(world: World, two: tuple[Launch, Launch]) -> None:
    """Between the report and the deletion the right backup was restored."""
    job = world.server.find("Job")
    assert orphans.delete(world.db, world.site, {job["metadata"]["uid"]}) == ()
    assert world.server.all("Job") == [job]


def test_what_was_rendered_by_hand_is_somebodys(world: World, two: tuple[Launch, Launch]) -> None:
    job = world.server.find("Job")
    _forget(world, two[0])
    job["metadata"]["labels"][LAUNCH] = job["metadata"]["name"]
    assert orphans.find(world.db, world.site).objects == ()


def test_a_launch_whose_object_is_gone(world: World, two: tuple[Launch, Launch]) -> None:
    world.server.remove(world.server.find("Job"))
    [lost] = orphans.find(world.db, world.site).launches
    assert (lost.launch_id, lost.kind) == (two[0].launch_id, "Job")


def test_what_could_not_be_looked_at_is_said(world: World, two: tuple[Launch, Launch]) -> None:
    _forget(world, two[0])
    world.server.denied.add("list jobs")
    found = orphans.find(world.db, world.site)
    assert found.objects == ()
    [said] = found.unseen
    assert "cannot list" in said
    assert "Jobs in team of main" in said
    world.server.down = True
    [said] = orphans.find(world.db, world.site).unseen
    assert "does not answer" in said


def test_the_worker_writes_down_how_many(world: World, two: tuple[Launch, Launch]) -> None:
    for launch in two:
        _forget(world, launch)
    assert world.worker.count_orphans() == 2
    with world.db.reading() as session:
        assert session.get_one(LaunchCluster, "main").strays == 2
    assert world.worker.count_orphans() == 2
