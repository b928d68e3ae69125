"""Several workers over the same sweeps, on both databases."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from podium.registry.launch.site import Connection, Site
from podium.registry.launches.leases import LEASE_MS, LeaseLost
from podium.registry.launches.tables import LaunchRow
from podium.registry.sweeps import leases, start
from podium.registry.sweeps.read import list_trials
from podium.registry.sweeps.service import Sweeper
from podium.registry.sweeps.tables import SweepRow
from podium.registry.sweeps.turn import Memory, Turn
from podium.tracker.db import Database
from sqlalchemy import select

from ..launches.conftest import Clock
from .conftest import spec


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, pool_size=8)
    yield database
    database.close()


@pytest.fixture
def sweep(db: Database) -> str:
    site = Site(clusters={"main": Connection()})
    return start.start(db, site, spec(trials=8, parallel=8), artifacts="s3://bucket/x").sweep_id


def test_two_workers_at_once_begin_each_trial_once(db: Database, sweep: str) -> None:
    workers = [Sweeper(db) for _ in range(2)]
    barrier = threading.Barrier(2)
    failures: list[Any] = []

    def work(one: Sweeper) -> None:
        try:
            barrier.wait()
            for _ in range(3):
                one.turn()
        except Exception as error:  # noqa: BLE001  (told below)
            failures.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    trials = list_trials(db, sweep).items
    assert [(each.number, each.state) for each in trials] == [(n, "RUNNING") for n in range(8)]
    with db.reading() as session:
        launched = Counter(session.scalars(select(LaunchRow.launch_id)))
    assert launched == {each.launch_id: 1 for each in trials}


def test_who_slept_through_his_lease_writes_nothing(db: Database, sweep: str) -> None:
    clock = Clock()
    with db.reading() as session:
        row = session.scalars(select(SweepRow.id).where(SweepRow.sweep_id == sweep)).one()
    lease = leases.hold(db, row, "asleep", clock.now)
    assert lease is not None
    assert leases.hold(db, row, "other", clock.now) is None
    clock.pass_seconds(LEASE_MS / 1000 + 1)

    def meanwhile(step: str) -> None:
        if step == "asked":
            assert Sweeper(db, clock=clock).turn() == 1

    with pytest.raises(LeaseLost):
        Turn(db, lease, Memory(), clock, meanwhile).take()
    assert [each.number for each in list_trials(db, sweep).items] == list(range(8))
