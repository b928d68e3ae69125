"""The target katib: the search, its trials, and how they stand."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.state import Delete, Phase
from podium.registry.launch.targets import katib

from ..live import condition, live, state
from ..samples import RUN_ID, full, main, minimal, refusals

_CREATED = condition("Created", reason="ExperimentCreated")


@pytest.mark.parametrize(
    ("conditions", "phase", "reason"),
    [
        ([], Phase.PENDING, ""),
        ([_CREATED], Phase.PENDING, ""),
        (
            [_CREATED, condition("Running", reason="ExperimentRunning")],
            Phase.RUNNING,
            "ExperimentRunning",
        ),
        (
            [
                _CREATED,
                condition("Running", "False"),
                condition("Succeeded", reason="ExperimentGoalReached"),
            ],
            Phase.SUCCEEDED,
            "ExperimentGoalReached",
        ),
        (
            [
                condition("Running", "False"),
                condition("Failed", reason="ExperimentMaxFailedTrialsReached"),
            ],
            Phase.FAILED,
            "ExperimentMaxFailedTrialsReached",
        ),
    ],
)
def test_status(conditions: list[dict[str, Any]], phase: Phase, reason: str) -> None:
    found = state("katib", live("katib", {"conditions": conditions}))
    assert (found.phase, found.reason) == (phase, reason)


def test_stop_deletes_it() -> None:
    [action] = katib.stop([live("katib", {})])
    assert isinstance(action, Delete)
    assert katib.endpoint([]) is None
    assert state("katib").phase is Phase.MISSING


def test_places_are_put_in_katib_s_words_wherever_they_stand() -> None:
    spec = minimal("katib") | {
        "command": ["train", "${sweep.depth}"],
        "args": ["--d=${sweep.depth}", "${HOME}"],
        "env": {"DEPTH": "d${sweep.depth}"},
    }
    template = main(spec)["spec"]["trialTemplate"]
    [container] = template["trialSpec"]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["train", "${trialParameters.depth}"]
    assert container["args"] == ["--d=${trialParameters.depth}", "${HOME}"]
    assert {"name": "DEPTH", "value": "d${trialParameters.depth}"} in container["env"]
    assert template["trialParameters"] == [{"name": "depth", "reference": "depth"}]


def test_values_are_texts() -> None:
    made = main(full("katib"))["spec"]["parameters"]
    assert made == [
        {
            "name": "lr",
            "parameterType": "double",
            "feasibleSpace": {"min": "0.0001", "max": "0.1", "distribution": "logUniform"},
        },
        {
            "name": "optimizer",
            "parameterType": "categorical",
            "feasibleSpace": {"list": ["adam", "sgd"]},
        },
    ]


def test_a_trial_begins_a_run_of_its_own() -> None:
    [line] = refusals(minimal("katib"), run_id=RUN_ID)
    assert line.startswith("run_id: the target katib has no use for it")


@pytest.mark.parametrize(
    ("sweep", "line"),
    [
        ({"metric": "test/loss"}, "sweep.metric: must be of letters, digits, '_' and '-'"),
        ({"goal": "min"}, "sweep.goal: must be one of minimize, maximize, not 'min'"),
        ({"trials": 2}, "sweep.parallel: must be at most sweep.trials, which is 2"),
        ({"parameters": []}, "sweep.parameters: must be at least one, each with a name of its own"),
        (
            {"parameters": [{"name": "depth"}]},
            "sweep.parameters[0].max: must be given, and min less",
        ),
        (
            {"parameters": [{"name": "depth", "min": 0, "max": 1, "log": True}]},
            "sweep.parameters[0].min: must be more than 0 on a logarithmic scale",
        ),
        (
            {"parameters": [{"name": "depth", "type": "choice", "min": 1}]},
            "sweep.parameters[0].values: must be the values of the choice",
        ),
        (
            {"parameters": [{"name": "depth", "values": ["1"]}]},
            "sweep.parameters[0].values: is for type: choice; give min and max",
        ),
    ],
)
def test_a_sweep_that_is_wrong(sweep: dict[str, Any], line: str) -> None:
    spec = minimal("katib")
    [refused] = refusals(spec | {"sweep": spec["sweep"] | sweep})
    assert refused.startswith(line)
