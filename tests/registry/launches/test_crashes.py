"""kill -9 of the worker at every step of a launch: one object of each kind, and one end."""

from __future__ import annotations

from pathlib import Path

from podium.client.launches import LaunchState
from podium.registry.launches import start
from podium.tracker import runs

from ...crashing import forked_crashes
from .conftest import SERVE, TRAIN, World, condition, ready

# The lease of a worker that is dead runs out before the next one comes.
_WORKER = """
import kubernetes.client, kubernetes.config
from pathlib import Path
from podium.registry.app import HISTORIES
from podium.registry.launches.reconcile import Reconciler
from podium.tracker.artifacts import open_store
from podium.tracker.db import Database
url, store, site, artifacts, begun = sys.argv[1:]

def work(step, number):
    now = int(begun) + 40_000 * (number + 1)
    worker = Reconciler(Database(url, pool_size=2), open_store(store, None), site=Path(site),
        artifacts=artifacts, step=step, watches=False, clock=lambda: now)
    for _ in range(3):
        for charge in worker._charges.values():
            charge._quiet_until = 0
        worker.look_after("main")
"""


def killed(world: World, url: str, store: str) -> list[str]:
    """Where the worker was killed, one time after another, until it got through."""
    now = str(world.clock.now)
    points = forked_crashes(_WORKER, url, store, str(world.path), world.artifacts, now)
    world.clock.pass_seconds(40 * (len(points) + 2))
    return points


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
