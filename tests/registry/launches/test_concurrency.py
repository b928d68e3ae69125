"""Several workers and a promotion at the same time, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from podium.registry.launches import leases
from podium.registry.launches.leases import LeaseLost
from podium.registry.promotion import hooks
from podium.tracker.db import Database

from .conftest import EVALUATE, SERVE, TRAIN, World, condition, ready


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, pool_size=8)
    yield database
    database.close()


def test_the_whole_way(world: World) -> None:
    world.rule("Staging", EVALUATE)
    world.rule("Production", SERVE)
    version = world.version()
    world.promote(version, "Staging")
    world.work()
    world.server.say(world.server.find("Job"), conditions=[condition("Complete")])
    world.work()
    world.promote(version, "Production")
    world.work()
    world.server.say(world.server.find("Deployment"), **ready(world.server.find("Deployment")))
    world.work()
    assert [each.state for each in world.launches()] == ["SUCCEEDED", "READY"]


def test_a_promotion_that_fails_launches_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.rule("Staging", EVALUATE)
    version = world.version()

    def fail(*_: object) -> None:
        raise RuntimeError("after the launch")

    monkeypatch.setattr(hooks, "HOOKS", [*hooks.HOOKS, fail])
    with pytest.raises(RuntimeError):
        world.promote(version, "Staging")
    assert world.launches() == []


def test_one_worker_at_a_time_has_a_cluster(world: World) -> None:
    world.version()
    world.start(TRAIN)
    other = world.new_worker()
    world.work()
    world.work(other)
    assert other.look_after("main") == 0
    world.clock.pass_seconds(31)  # the first one's lease has run out
    world.work(other)
    world.work()
    assert len(world.server.made) == 1


def test_who_slept_through_his_lease_writes_nothing(world: World) -> None:
    world.version()
    launch = world.start(TRAIN)
    asleep = world.new_worker(step=lambda name: _sleep(world, name))
    with pytest.raises(LeaseLost):
        world.work(asleep)
    assert world.launch(launch).state == "PENDING"  # as the other has seen it
    assert len(world.server.made) == 1
    world.work()
    assert world.launch(launch).state == "PENDING"


def _sleep(world: World, name: str) -> None:
    """Between what it has done in the cluster and writing it down, another takes over."""
    if name == "applied":
        world.clock.pass_seconds(31)
        world.work(world.new_worker())


def test_a_lease_is_kept_and_lost(db: Database) -> None:
    first = leases.hold(db, "main", "a", 1000)
    assert first is not None
    assert leases.hold(db, "main", "b", 2000) is None
    kept = leases.hold(db, "main", "a", 3000)
    assert kept is not None
    assert kept.fence == first.fence
    later = first.until + 10_000
    taken = leases.hold(db, "main", "b", later)
    assert taken is not None
    assert taken.fence > first.fence
    with pytest.raises(LeaseLost):
        leases.extend(db, first, later)
    leases.note_away(db, taken, "no answer", later)
    assert leases.hold(db, "main", "b", later) is None
    assert leases.problems(db) == {"main": "no answer"}
    again = leases.hold(db, "main", "b", later + 60_000)
    assert again is not None
    assert again.failures == 1
    leases.note_back(db, again)
    assert leases.problems(db) == {}
