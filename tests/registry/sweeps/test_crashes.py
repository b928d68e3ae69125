"""kill -9 of the worker at every step of a sweep: one run and one launch of each trial."""

from __future__ import annotations

from collections import Counter

from podium.client.entities import RunStatus
from podium.client.sweeps import Sweep, SweepState
from podium.registry.launches.read import list_launches
from podium.registry.sweeps import start
from podium.tracker import runs

from ...crashing import forked_crashes
from .conftest import Searching, spec

# The lease of a worker that is dead runs out before the next one comes.
_WORKER = """
from podium.registry.sweeps.service import Sweeper
from podium.tracker.db import Database
import optuna  # once, and not in each process
from podium.registry.sweeps.read import list_sweeps
url, begun = sys.argv[1:]
db = Database(url, pool_size=2)
list_sweeps(db)  # so that what is compiled once is, before there are many processes
db.close()

def work(step, number):
    now = int(begun) + 40_000 * (number + 1)
    worker = Sweeper(Database(url, pool_size=2), step=step, clock=lambda: now)
    for _ in range(2):
        worker.turn()
"""


def killed(searching: Searching, url: str) -> set[str]:
    """Where the worker was killed, one time after another, until it got through."""
    clock = searching.world.clock
    points = forked_crashes(_WORKER, url, str(clock.now))
    clock.pass_seconds(40 * (len(points) + 2))
    return set(points)


def only(searching: Searching, sweep: Sweep, number: int) -> None:
    """So many trials, and of each one run, one launch and one Job."""
    world = searching.world
    trials = searching.trials(sweep)
    assert [each.number for each in trials] == list(range(number))
    launches = Counter(each.run_id for each in list_launches(world.db).items)
    assert launches == {each.run_id: 1 for each in trials}
    found = runs.search_runs(world.db, experiment_ids=[sweep.experiment_id]).items
    assert Counter(each.run_id for each in found) == {
        **{each.run_id: 1 for each in trials},
        sweep.run_id: 1,
    }
    assert len(world.server.made) == number


def test_from_start_to_end(searching: Searching, sqlite_url: str) -> None:
    sweep = searching.start(spec(algorithm="tpe", trials=2))
    points = killed(searching, sqlite_url)
    assert {"asked", "parent made", "written", "run made", "params logged", "launched"} <= points
    searching.world.work()
    only(searching, sweep, 2)
    for trial in searching.trials(sweep):
        searching.log(trial, trial.params["lr"])
        searching.end(trial)
    searching.world.work()
    points = killed(searching, sqlite_url)
    assert {"settled", "parent told", "ended"} <= points
    told = searching.now(sweep)
    assert (told.state, told.counts) == (SweepState.SUCCEEDED, {"COMPLETE": 2})
    only(searching, sweep, 2)
    assert runs.get_run(searching.world.db, sweep.run_id).status is RunStatus.FINISHED


def test_pruned_and_stopped(searching: Searching, sqlite_url: str) -> None:
    sweep = searching.start(spec(parallel=2, pruner={"min_trials": 1}))
    searching.work()
    first, second = searching.trials(sweep)
    searching.log(first, 0.1)
    searching.end(first)
    searching.world.work()
    searching.log(second, 0.9)
    points = killed(searching, sqlite_url)
    assert {"settled", "pruned", "asked", "launched"} <= points
    searching.world.work()
    start.stop(searching.world.db, sweep.sweep_id)
    assert "stopped" in killed(searching, sqlite_url)
    for _ in range(4):
        searching.work()
    told = searching.now(sweep)
    assert told.state is SweepState.STOPPED
    assert told.counts == {"COMPLETE": 1, "PRUNED": 1, "STOPPED": 1}
    only(searching, sweep, 3)
