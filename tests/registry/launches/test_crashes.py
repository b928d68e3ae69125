"""kill -9 of the worker at every step of a launch: one object of each kind, and one end."""

from __future__ import annotations

from pathlib import Path

from podium.client.launches import LaunchState
from podium.registry.launch.names import LAUNCH
from podium.registry.launches import start
from podium.tracker import runs

from .conftest import SERVE, TRAIN, World, condition, ready
from .killing import killed


def test_a_job_and_another(world: World, sqlite_url: str, tmp_path: Path) -> None:
    world.version()
    launches = [world.start(TRAIN, workers=2) for _ in range(2)]
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"planned", "run made", "applied main", "applied", "written", "seen"} <= set(points)
    assert len(world.server.made) == 4  # a Job and a Service of each
    assert [world.launch(each).state for each in launches] == ["PENDING"] * 2
    for number, job in enumerate(world.server.all("Job")):
        world.server.logs[f"pod-{number}"] = "2027-01-15T08:00:00Z done\n"
        world.pod(job, f"pod-{number}", containerStatuses=[{"name": "main", "state": {}}])
        world.server.say(job, conditions=[condition("Complete")])
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"seen", "logs kept"} <= set(points)
    for each in launches:
        assert world.launch(each).state is LaunchState.SUCCEEDED
        assert runs.get_run(world.db, str(each.run_id)).status == "FINISHED"
    assert len(world.server.made) == 4


def test_stopping(world: World, sqlite_url: str, tmp_path: Path) -> None:
    world.version()
    launch = world.start(SERVE)
    world.work()
    world.server.say(world.server.find("Deployment"), **ready(world.server.find("Deployment")))
    start.stop(world.db, launch.launch_id)
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"seen", "stopped"} <= set(points)
    assert world.launch(launch).state is LaunchState.STOPPED
    assert world.server.objects == {}
    assert str(world.server.made).count("deployments") == 1


def test_one_of_a_queue(world: World, sqlite_url: str, tmp_path: Path) -> None:
    """It is created and never applied, for that would suspend it again."""
    world.version()
    launch = world.start(TRAIN, queue="team-queue", workers=2)
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"planned", "run made", "applied main", "applied", "written"} <= set(points)
    assert len(world.server.made) == 2
    job = world.server.find("Job")
    job["spec"]["suspend"] = False
    world.server.say(job, active=2, ready=2)
    killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert world.launch(launch).state is LaunchState.RUNNING
    assert job["spec"]["suspend"] is False
    assert len(world.server.made) == 2


def test_a_version_that_takes_the_place_of_another(
    world: World, sqlite_url: str, tmp_path: Path
) -> None:
    world.rule("Production", {**SERVE, "scaling": {"min": 1, "max": 3}})
    world.promote(world.version(), "Production")
    world.work()
    world.server.say(world.server.find("Deployment"), **ready(world.server.find("Deployment")))
    world.work()
    made = list(world.server.made)
    world.promote(world.version(), "Production")
    world.clock.pass_seconds(40)
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"planned", "applied another", "applied main", "applied", "written"} <= set(points)
    assert {"seen", "closed"} <= set(points)
    assert [each.state for each in world.launches()] == ["REPLACED", "PENDING"]
    assert world.server.made == made
    labels = {each["metadata"]["labels"][LAUNCH] for each in world.server.objects.values()}
    assert labels == {world.launches()[1].launch_id}


def test_a_service_that_somebody_deleted(world: World, sqlite_url: str, tmp_path: Path) -> None:
    world.version()
    launch = world.start(SERVE)
    world.work()
    world.server.remove(world.server.find("Deployment"))
    world.clock.pass_seconds(40)
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"seen", "applied", "written"} <= set(points)
    assert world.launch(launch).state is LaunchState.PENDING
    assert str(world.server.made).count("deployments") == 2
    assert len(world.server.all("Deployment")) == 1


def test_one_that_is_tried_again(world: World, sqlite_url: str, tmp_path: Path) -> None:
    world.version()
    launch = world.start(TRAIN, workers=2)
    world.work()
    job = world.server.find("Job")
    world.pod(job, "first", reason="NodeLost")
    world.server.logs["first"] = "2027-01-15T08:00:00Z so far\n"
    world.server.say(job, conditions=[condition("Failed", "BackoffLimitExceeded")])
    world.clock.pass_seconds(40)
    points = killed(world, sqlite_url, f"{tmp_path}/artifacts")
    assert {"seen", "logs kept", "left", "planned", "run made", "applied", "written"} <= set(points)
    told = world.launch(launch)
    assert (told.state, told.attempt) == (LaunchState.PENDING, 2)
    assert told.logs == ("launch-logs/attempt-1/first.main.log",)
    assert len(world.server.made) == 4  # a Job and a Service of each
    assert len(world.server.all("Job")) == len(world.server.all("Service")) == 1
