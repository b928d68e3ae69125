"""A worker that is killed after each of its steps, one after the other."""

from __future__ import annotations

from ...crashing import forked_crashes
from .conftest import World

# The lease of a worker that is dead runs out before the next one comes.
WORKER = """
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
    points = forked_crashes(WORKER, url, store, str(world.path), world.artifacts, now)
    world.clock.pass_seconds(40 * (len(points) + 2))
    return points
