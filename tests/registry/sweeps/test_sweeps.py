"""Sweeps, from the row to the best trial."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from podium.client.errors import Conflict, NotFound
from podium.client.sweeps import SweepState, TrialState
from podium.registry import registered, renaming
from podium.registry.launches.read import get_launch, list_launches
from podium.registry.launches.start import stop as stop_launch
from podium.registry.sweeps import start
from podium.registry.sweeps.read import list_sweeps
from podium.tracker import audit, experiments, runs

from .conftest import Searching, spec


def bowl(params: Mapping[str, Any]) -> float:
    """Least at lr = 0.01 and depth = 5."""
    return float((math.log10(params["lr"]) + 2) ** 2 + (params["depth"] - 5) ** 2 / 10)


def test_from_start_to_end(searching: Searching) -> None:
    world = searching.world
    sweep = searching.start(spec())
    assert (sweep.state, sweep.seed, sweep.counts) == (SweepState.RUNNING, 7, {})
    searching.work()
    first, second = searching.trials(sweep)
    assert (first.number, first.state, second.state) == (0, TrialState.RUNNING, TrialState.RUNNING)
    container = searching.job(first)["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == [f"--lr={first.params['lr']}", f"--depth={first.params['depth']}"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    assert env["OPTIMIZER"] == first.params["optimizer"]
    assert env["PODIUM_RUN_ID"] == first.run_id
    run = runs.get_run(world.db, first.run_id)
    assert run.tags["mlflow.parentRunId"] == sweep.run_id
    assert run.tags["podium.launch"] == first.launch_id
    assert run.params == {name: str(value) for name, value in first.params.items()}
    assert run.experiment_id == sweep.experiment_id
    assert experiments.get_experiment(world.db, sweep.experiment_id).name == "churn"

    searching.work()  # no more than two at once
    assert len(searching.trials(sweep)) == 2

    done = searching.play(sweep, bowl, 4)
    assert (done.state, done.counts) == (SweepState.SUCCEEDED, {"COMPLETE": 4})
    trials = searching.trials(sweep)
    assert [each.number for each in trials] == [0, 1, 2, 3]
    best = min(trials, key=lambda each: each.value or 0)
    assert done.best == best
    assert best.value == pytest.approx(bowl(best.params))
    parent = runs.get_run(world.db, sweep.run_id)
    assert parent.status == "FINISHED"
    assert parent.params["best.lr"] == str(best.params["lr"])
    assert parent.tags["podium.best_run"] == best.run_id
    assert parent.tags["podium.sweep"] == sweep.sweep_id
    assert {runs.get_run(world.db, each.run_id).status for each in trials} == {"FINISHED"}
    assert len(world.server.made) == 4
    assert searching.sweeper.turn() == 0  # nothing is left to do
    actions = [row["action"] for row in audit.search(world.db, max_results=20).items]
    assert actions.count("sweep.start") == 1
    assert actions.count("launch.start") == 4
    with pytest.raises(Conflict, match="it is SUCCEEDED"):
        start.stop(world.db, sweep.sweep_id)


def test_the_same_seed_tries_the_same(searching: Searching) -> None:
    """In the order of numbers, whatever the worker remembers."""
    one, other = (searching.start(spec(parallel=1)) for _ in range(2))
    for _ in range(6):
        searching.sweeper = searching.new_sweeper()
        searching.world.clock.pass_seconds(60)
        searching.play(one, bowl, 1)
        searching.play(other, bowl, 1)
    values = [[each.params for each in searching.trials(sweep)] for sweep in (one, other)]
    assert values[0] == values[1]
    assert len(values[0]) == 4


def test_a_version_s_sweep(searching: Searching) -> None:
    world = searching.world
    world.version()
    data = {**spec(), "source": {"model": "churn", "version": 1}}
    sweep = searching.start({**data, "purpose": "evaluate"})
    searching.work()
    launches = list_launches(world.db, name="churn", version=1).items
    assert {each.purpose for each in launches} == {"evaluate"}
    renaming.rename_model(world.db, "churn", "leaving")
    assert [each.sweep_id for each in list_sweeps(world.db, name="leaving").items] == [
        sweep.sweep_id
    ]
    registered.delete_model(world.db, "leaving")
    for _ in range(3):
        searching.work()
    told = searching.now(sweep)
    assert told.state is SweepState.FAILED
    assert "has been deleted" in told.message
    assert told.counts == {"STOPPED": 2}


def test_the_objective_is_the_value_asked_for(searching: Searching) -> None:
    sweeps = {value: searching.start(spec(trials=2, value=value)) for value in ("last", "max")}
    searching.work()
    for sweep in sweeps.values():
        for trial in searching.trials(sweep):
            searching.log(trial, 0.5, 0.9, 0.7)
            searching.end(trial)
    searching.work()
    searching.work()
    best = {value: searching.now(sweep).best for value, sweep in sweeps.items()}
    assert {value: each.value for value, each in best.items() if each} == {"last": 0.7, "max": 0.9}


def test_it_ends_when_the_metric_is_good_enough(searching: Searching) -> None:
    sweep = searching.start(spec(target_value=0.2))
    searching.work()
    first, second = searching.trials(sweep)
    searching.log(first, 0.1)
    searching.end(first)
    for _ in range(4):
        searching.work()
    told = searching.now(sweep)
    assert told.state is SweepState.SUCCEEDED
    assert "as good as target_value" in told.message
    assert [each.state for each in searching.trials(sweep)] == ["COMPLETE", "STOPPED"]
    assert runs.get_run(searching.world.db, second.run_id).status == "KILLED"
    assert len(searching.world.server.made) == 2


def test_a_grid_ends_when_all_of_it_was_tried(searching: Searching) -> None:
    parameters = [
        {"name": "lr", "min": 0.1, "max": 0.35, "step": 0.1},
        {"name": "depth", "type": "choice", "values": [2, 4]},
    ]
    data = {**spec(algorithm="grid", trials=20, parallel=4, parameters=parameters), "env": {}}
    done = searching.play(searching.start(data), lambda params: params["lr"], 3)
    assert done.state is SweepState.SUCCEEDED
    found = [tuple(each.params.values()) for each in searching.trials(done)]
    assert found == [(lr, depth) for lr in (0.1, 0.2, 0.3) for depth in ("2", "4")]


class TestFailing:
    def test_failed_trials_are_told_and_too_many_end_it(self, searching: Searching) -> None:
        sweep = searching.start(spec(max_failed=1))
        searching.work()
        first, second = searching.trials(sweep)
        searching.end(first, "Failed")
        searching.work()
        searching.work()
        assert len(searching.trials(sweep)) == 3  # one failure is borne
        searching.end(second, "Failed")
        for _ in range(4):
            searching.work()
        told = searching.now(sweep)
        assert told.state is SweepState.FAILED
        assert told.message.startswith("2 trials have failed, more than max_failed, which is 1.")
        assert told.counts == {"FAILED": 2, "STOPPED": 1}
        assert runs.get_run(searching.world.db, sweep.run_id).status == "FAILED"

    @pytest.mark.parametrize(
        ("values", "says"),
        [((), "no metric 'loss'"), ((math.nan,), "no finite number"), ((math.inf,), "finite")],
    )
    def test_without_an_objective(
        self, searching: Searching, values: tuple[float, ...], says: str
    ) -> None:
        sweep = searching.start(spec(trials=2, max_failed=2))
        searching.work()
        for trial in searching.trials(sweep):
            if values:
                searching.log(trial, *values)
            searching.end(trial)
        for _ in range(4):
            searching.work()
        told = searching.now(sweep)
        assert told.state is SweepState.FAILED
        assert told.message.startswith("No trial has completed.")
        assert says in told.message

    def test_an_experiment_that_was_deleted(self, searching: Searching) -> None:
        """Its trials have no place to log to."""
        sweep = searching.start(spec())
        searching.work()
        experiments.delete_experiment(searching.world.db, sweep.experiment_id)
        for trial in searching.trials(sweep):
            searching.end(trial, "Failed")
        for _ in range(4):
            searching.work()
        told = searching.now(sweep)
        assert told.state is SweepState.FAILED
        assert "deleted" in told.message

    def test_a_launch_that_somebody_stops_is_no_failure(self, searching: Searching) -> None:
        sweep = searching.start(spec(trials=3, max_failed=0))
        searching.work()
        stop_launch(searching.world.db, searching.trials(sweep)[0].launch_id)
        for _ in range(3):
            searching.work()
        assert [each.state for each in searching.trials(sweep)] == ["STOPPED", "RUNNING", "RUNNING"]


class TestStopping:
    def test_what_runs_is_stopped_and_nothing_begins(self, searching: Searching) -> None:
        sweep = searching.start(spec())
        searching.work()
        asked = start.stop(searching.world.db, sweep.sweep_id)
        assert (asked.state, asked.desired) == (SweepState.RUNNING, "STOP")
        for _ in range(4):
            searching.work()
        told = searching.now(sweep)
        assert (told.state, told.counts) == (SweepState.STOPPED, {"STOPPED": 2})
        assert searching.world.server.all("Job") == []
        assert runs.get_run(searching.world.db, sweep.run_id).status == "KILLED"
        reasons = {
            get_launch(searching.world.db, t.launch_id).reason for t in searching.trials(sweep)
        }
        assert reasons == {"SweepStopped"}

    def test_one_that_has_not_begun(self, searching: Searching) -> None:
        sweep = searching.start(spec())
        start.stop(searching.world.db, sweep.sweep_id)
        searching.work()
        assert searching.now(sweep).state is SweepState.STOPPED
        assert searching.world.server.made == []

    def test_one_that_is_none(self, searching: Searching) -> None:
        with pytest.raises(NotFound, match="No sweep with id='x'"):
            start.stop(searching.world.db, "x")


def test_what_is_behind_is_pruned(searching: Searching) -> None:
    world = searching.world
    sweep = searching.start(spec(trials=3, parallel=1, pruner={"min_trials": 2, "start_step": 2}))
    for worse in (0.0, 0.1):
        searching.work()
        trial = searching.trials(sweep)[-1]
        searching.log(trial, *(1 / (step + 1) + worse for step in range(10)))
        searching.end(trial)
        searching.work()
    searching.work()
    behind = searching.trials(sweep)[-1]
    searching.log(behind, 0.9, 0.8)
    world.clock.pass_seconds(6)
    searching.work()
    assert searching.trials(sweep)[-1].message == ""  # step 2 is still to come
    searching.log(behind, 0.7, first=2)
    world.clock.pass_seconds(6)
    for _ in range(4):
        searching.work()
    told = searching.trials(sweep)[-1]
    assert (told.state, told.step, told.value) == (TrialState.PRUNED, 2, 0.7)
    assert told.message == (
        "Its best loss by step 2 was 0.7; half of 2 trials had 0.383333 or better by then."
    )
    assert runs.get_run(world.db, told.run_id).status == "KILLED"
    assert searching.now(sweep).state is SweepState.SUCCEEDED


def test_without_what_chooses_it_waits(
    searching: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may have less installed than the server that took the sweep."""
    sweep = searching.start(spec())
    with monkeypatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda _name: None)
        searching.work()
        assert "pip install 'podium[sweep]'" in searching.now(sweep).problem
    searching.work()
    told = searching.now(sweep)
    assert (told.problem, told.counts) == ("", {"RUNNING": 2})
