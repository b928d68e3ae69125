"""A sweep over Jobs of the team's cluster, whose trainings a test plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from podium.client.entities import Metric
from podium.client.sweeps import Sweep, SweepTrial
from podium.registry.sweeps import start
from podium.registry.sweeps.read import get_sweep, list_trials
from podium.registry.sweeps.service import Sweeper
from podium.tracker import runs

from ..launch.apiserver import Object
from ..launch.samples import IMAGE
from ..launches.conftest import World, apiserver, condition, db, site, world

__all__ = ["apiserver", "db", "site", "world"]

PARAMETERS: list[dict[str, Any]] = [
    {"name": "lr", "min": 0.0001, "max": 0.1, "log": True},
    {"name": "depth", "type": "int", "min": 2, "max": 8},
    {"name": "optimizer", "type": "choice", "values": ["adam", "sgd"]},
]
SECTION: dict[str, Any] = {
    "metric": "loss",
    "goal": "minimize",
    "algorithm": "random",
    "seed": 7,
    "trials": 4,
    "parallel": 2,
    "max_failed": 2,
    "parameters": PARAMETERS,
}
SPEC: dict[str, Any] = {
    "target": "job",
    "name": "churn",
    "image": IMAGE,
    "command": ["python", "train.py"],
    "args": ["--lr=${sweep.lr}", "--depth=${sweep.depth}"],
    "env": {"OPTIMIZER": "${sweep.optimizer}"},
    "sweep": SECTION,
}


def spec(**section: Any) -> dict[str, Any]:
    return {**SPEC, "sweep": {**SECTION, **section}}


class Searching:
    """A team that sweeps, one worker of it in this process."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sweeper = self.new_sweeper()

    def new_sweeper(self, **more: Any) -> Sweeper:
        return Sweeper(self.world.db, **{"clock": self.world.clock, **more})

    def start(self, data: Mapping[str, Any]) -> Sweep:
        world = self.world
        return start.start(world.db, world.site, data, artifacts=world.artifacts)

    def work(self) -> None:
        """A turn of the sweeps, then one of the launches."""
        self.sweeper.turn()
        self.world.work()

    def now(self, sweep: Sweep) -> Sweep:
        return get_sweep(self.world.db, sweep.sweep_id)

    def trials(self, sweep: Sweep) -> tuple[SweepTrial, ...]:
        return list_trials(self.world.db, sweep.sweep_id).items

    def job(self, trial: SweepTrial) -> Object:
        [found] = [
            each
            for each in self.world.server.all("Job")
            if each["metadata"]["labels"]["podium/run-id"] == trial.run_id
        ]
        return found

    def log(self, trial: SweepTrial, *values: float, first: int = 0) -> None:
        now = self.world.clock.now
        points = [Metric("loss", value, now, first + step) for step, value in enumerate(values)]
        runs.log_batch(self.world.db, trial.run_id, metrics=points)

    def end(self, trial: SweepTrial, kind: str = "Complete") -> None:
        self.world.server.say(self.job(trial), conditions=[condition(kind)])

    def play(self, sweep: Sweep, code: Callable[[Mapping[str, Any]], float], turns: int) -> Sweep:
        """Each training that runs logs what ``code`` makes of its values, and ends."""
        for _ in range(turns):
            self.work()
            for trial in self.trials(sweep):
                if trial.state == "RUNNING":
                    self.log(trial, code(trial.params))
                    self.end(trial)
            self.world.work()
            self.sweeper.turn()
            if not self.now(sweep).active:
                break
        return self.now(sweep)


@pytest.fixture(scope="session", autouse=True)
def _optuna() -> None:
    pytest.importorskip("optuna", reason="No Optuna here. Install it with: pip install optuna")


@pytest.fixture
def searching(world: World) -> Searching:
    return Searching(world)
