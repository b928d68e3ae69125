"""A full file of a sweep, with a comment at every field: to be copied and cut down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..launch.example import commented, said_of
from ..launch.faults import InvalidLaunch
from ..launch.render import find_target
from ..launch.spec import Purpose
from ..launch.targets import TARGETS

_SWEEP: Mapping[str, Any] = {
    "metric": "loss",
    "goal": "minimize",
    "value": "min",
    "target_value": 0.01,
    "algorithm": "tpe",
    "seed": 7,
    "pruner": {"min_trials": 5, "start_step": 10},
    "trials": 24,
    "parallel": 3,
    "max_failed": 3,
    "experiment": "churn-tuning",
    "parameters": [
        {"name": "lr", "type": "double", "min": 0.0001, "max": 0.1, "log": True},
        {"name": "depth", "type": "int", "min": 2, "max": 8, "step": 2},
        {"name": "optimizer", "type": "choice", "values": ["adam", "sgd"]},
    ],
}


def example(target: str) -> str:
    """The example over a target, which can be started as it is."""
    found = find_target(target)
    if Purpose.TRAIN not in found.PURPOSES:
        others = ", ".join(each for each, t in TARGETS.items() if Purpose.TRAIN in t.PURPOSES)
        purposes = " or ".join(sorted(found.PURPOSES))
        raise InvalidLaunch([f"target: {target} is to {purposes}; choose {others}"])
    said = {**said_of(target), "purpose": str(Purpose.TRAIN), "sweep": _SWEEP}
    for name in ("run_id", "source"):
        said.pop(name, None)
    options: Mapping[str, Any] = said.get("options", {})
    if "parameters" in options:
        given = {name: f"${{sweep.{name}}}" for name in ("lr", "depth", "optimizer")}
        said["options"] = {**options, "parameters": given}
    else:
        said |= {"args": ["--lr=${sweep.lr}", "--depth=${sweep.depth}"]}
        said["env"] = {"OPTIMIZER": "${sweep.optimizer}"}
    about = f"A sweep of Podium's own: many launches of one spec. Its target is {target}."
    return commented(about, target, said)
