"""The values of a sweep's next trial, beside asking a study of Optuna's that stays in memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import optuna
import pytest
from podium.client.sweeps import TrialState
from podium.registry.sweeps.space import read_sweep
from podium.registry.sweeps.suggest import Told, suggest

from ..registry.sweeps.conftest import spec
from .conftest import Figures

pytestmark = pytest.mark.bench

_PEER = "a study that is kept"
_TIMES = 5


@pytest.mark.parametrize("trials", [100, 1000])
def test_the_next_values(trials: int, figures: Figures) -> None:
    sweep = read_sweep(spec(algorithm="tpe", trials=trials + 1))
    known = suggest(read_sweep(spec(trials=trials + 1)), 1, (), trials)
    told = [Told(each, TrialState.COMPLETE, abs(math.log10(each["lr"]) + 2)) for each in known]
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    space: dict[str, optuna.distributions.BaseDistribution] = {
        "lr": optuna.distributions.FloatDistribution(0.0001, 0.1, log=True),
        "depth": optuna.distributions.IntDistribution(2, 8),
        "optimizer": optuna.distributions.CategoricalDistribution(("adam", "sgd")),
    }
    study.add_trials(
        [
            optuna.trial.create_trial(params=dict(t.params), distributions=space, value=t.value)
            for t in told
        ]
    )
    ours = _cpu(lambda: suggest(sweep, 1, told, 1))
    theirs = _cpu(lambda: study.ask(space))
    figures.add(
        f"CPU of the next values after {trials:,} trials",
        ours * 1e3,
        theirs * 1e3,
        "ms",
        peer_name=_PEER,
    )


def _cpu(work: Callable[[], object]) -> float:
    """Seconds each time, of several."""
    work()
    began = time.process_time()
    for _ in range(_TIMES):
        work()
    return (time.process_time() - began) / _TIMES
