"""A right that the worker lacks, or loses: what it touches says which, and nothing else suffers."""

from __future__ import annotations

import time

import pytest
from podium.client.launches import LaunchState
from podium.registry.launches import close, start
from podium.registry.launches.read import launch_events

from .conftest import TRAIN, World


def _running(world: World) -> None:
    for job in world.server.all("Job"):
        world.server.say(job, active=1, ready=1)


def test_what_may_not_be_listed_any_more_stands_as_it_stood(world: World) -> None:
    world.version()
    launch = world.start(TRAIN)
    world.work()
    _running(world)
    world.work()
    world.server.denied.add("list jobs")
    world.work()
    world.server.say(world.server.find("Job"), active=0)
    world.work(world.new_worker())  # which has never seen the job
    told = world.launch(launch)
    assert told.state is LaunchState.RUNNING
    assert told.diagnosis is not None
    assert told.diagnosis.code == "Forbidden"
    assert told.diagnosis.sentence == "Podium may not list jobs of batch in the namespace team."
    assert "podium/podium" in told.diagnosis.fix
    world.server.denied.clear()
    condition = {"type": "Complete", "status": "True"}
    world.server.say(world.server.find("Job"), conditions=[condition])
    world.work()
    assert world.launch(launch).state is LaunchState.SUCCEEDED


def test_one_that_may_not_be_stopped_says_so_and_others_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.version()
    launch = world.start(TRAIN, queue="team-queue")  # it is deleted: no Workload is there yet
    other = world.start(TRAIN)
    world.work()
    world.server.denied.add("delete jobs")
    start.stop(world.db, launch.launch_id)
    world.work()
    _running(world)
    for _ in range(2):
        world.work()
    told = world.launch(launch)
    assert told.ended is None
    assert told.diagnosis is not None
    assert told.diagnosis.sentence == "Podium may not delete jobs of batch in the namespace team."
    events = launch_events(world.db, launch.launch_id)
    assert [each.reason for each in events].count("Forbidden") <= 2
    assert any(told.diagnosis.sentence in each.message for each in events)
    assert world.launch(other).state is LaunchState.RUNNING
    world.server.denied.clear()
    monkeypatch.setattr(close, "_AGAIN_SECONDS", 0.0)
    for _ in range(2):
        world.work()
    assert world.launch(launch).state is LaunchState.STOPPED


def test_a_log_that_may_not_be_read_is_told_of(world: World) -> None:
    world.version()
    launch = world.start(TRAIN)
    world.work()
    world.pod(world.server.find("Job"), phase="Running")
    world.server.denied.add("list pods")
    condition = {"type": "Complete", "status": "True"}
    world.server.say(world.server.find("Job"), conditions=[condition])
    world.work()
    told = world.launch(launch)
    assert (told.state, told.logs) == (LaunchState.SUCCEEDED, ())
    said = [each.message for each in launch_events(world.db, launch.launch_id)]
    assert any("may not list pods in the namespace team" in each for each in said)


def test_without_a_watch_it_is_listed_and_told(world: World) -> None:
    world.version()
    world.server.denied.add("watch jobs")
    worker = world.new_worker(watches=True)
    launch = world.start(TRAIN)
    until = time.monotonic() + 10
    while world.launch(launch).diagnosis is None:
        assert time.monotonic() < until
        world.work(worker)
        time.sleep(0.02)
    told = world.launch(launch).diagnosis
    assert told is not None
    assert told.sentence == "Podium may not watch jobs of batch in the namespace team."
    _running(world)
    world.work(worker)
    assert world.launch(launch).state is LaunchState.RUNNING
    worker.finish()
