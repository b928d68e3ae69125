"""The values of the next trials, from what is known of those before. The only door to Optuna.

The study is made anew each time, from the table of trials, and the sampler's seed follows from
that of the sweep and the number of the trial. So the values of a trial depend on what has been told
of the trials before it, and on nothing that a worker remembers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from podium.client.errors import NotSupported
from podium.client.sweeps import TrialState

from ..launch.spec import Kind, Parameter, Sweep
from .space import Json, Params, grid_point, highest

if TYPE_CHECKING:
    import optuna

INSTALL = "pip install 'podium[sweep]'"


@dataclass(frozen=True, slots=True)
class Told:
    """A trial as it stands. A pruned one has the value it had at ``step``."""

    params: Params
    state: TrialState
    value: float | None = None
    step: int | None = None


def is_missing(sweep: Sweep) -> str:
    """What to install for this sweep; empty where all is there."""
    from importlib.util import find_spec

    if sweep.algorithm == "grid" or find_spec("optuna") is not None:
        return ""
    return (
        f"sweep.algorithm: {sweep.algorithm} needs Optuna, which is not installed here. An "
        f"administrator types: {INSTALL}. A grid needs nothing."
    )


def suggest(sweep: Sweep, seed: int, told: Sequence[Told], count: int) -> list[Json]:
    """Values of the ``count`` trials after those in ``told``, which are all there are, in order.

    :class:`NotSupported` where Optuna is not installed.
    """
    first = len(told)
    if sweep.algorithm == "grid":
        return [grid_point(sweep, first + each) for each in range(count)]
    missing = is_missing(sweep)
    if missing:
        raise NotSupported(missing)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {each.name: _distribution(each) for each in sweep.parameters}
    study = optuna.create_study(direction="minimize" if sweep.goal == "minimize" else "maximize")
    if sweep.algorithm != "random":
        study.add_trials([_trial(each, space) for each in told])
    found = []
    for number in range(first, first + count):
        study.sampler = _sampler(sweep.algorithm, _seed_of(seed, number))
        found.append(dict(study.ask(space).params))
    return found


def _sampler(algorithm: str, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    if algorithm == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    # Trials that are under way count as bad ones, so that parallel ones do not try the same.
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _seed_of(seed: int, number: int) -> int:
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _distribution(parameter: Parameter) -> Any:
    from optuna import distributions

    if parameter.type is Kind.CHOICE:
        return distributions.CategoricalDistribution(parameter.values)
    assert parameter.min is not None  # noqa: S101  (the schema says so)
    low, high = parameter.min, highest(parameter)
    if parameter.type is Kind.INT:
        step = int(parameter.step or 1)
        return distributions.IntDistribution(int(low), int(high), log=parameter.log, step=step)
    return distributions.FloatDistribution(low, high, log=parameter.log, step=parameter.step)


def _trial(told: Told, space: Any) -> optuna.trial.FrozenTrial:
    from optuna.trial import TrialState as Theirs
    from optuna.trial import create_trial

    state = {
        TrialState.COMPLETE: Theirs.COMPLETE,
        TrialState.PRUNED: Theirs.PRUNED,
        TrialState.FAILED: Theirs.FAIL,
        TrialState.STOPPED: Theirs.FAIL,
    }.get(told.state, Theirs.RUNNING)
    seen = {}
    if told.state is TrialState.PRUNED and told.value is not None:
        seen = {told.step or 0: told.value}
    return create_trial(
        state=state,
        value=told.value if state is Theirs.COMPLETE else None,
        params=dict(told.params),
        distributions=space,
        intermediate_values=seen,
    )
