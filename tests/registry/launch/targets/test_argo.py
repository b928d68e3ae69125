"""The target argo: a Workflow of a template or of one step, and how it stands."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.state import Patch, Phase
from podium.registry.launch.targets import argo

from ..live import live, state
from ..samples import RUN_ID, main, minimal


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        ({}, Phase.PENDING, ""),
        ({"phase": "Pending"}, Phase.PENDING, ""),
        ({"phase": "Running", "progress": "0/1"}, Phase.RUNNING, ""),
        ({"phase": "Succeeded", "finishedAt": "2026-11-24T10:00:00Z"}, Phase.SUCCEEDED, ""),
        ({"phase": "Failed", "message": "child 'x' failed"}, Phase.FAILED, "Failed"),
        ({"phase": "Error", "message": "pod deleted"}, Phase.FAILED, "Error"),
    ],
)
def test_status(status: dict[str, Any], phase: Phase, reason: str) -> None:
    found = state("argo", live("argo", status))
    assert (found.phase, found.reason) == (phase, reason)
    assert found.message == status.get("message", "")


def test_stop_and_what_was_stopped() -> None:
    found = live("argo", {"phase": "Running"})
    [action] = argo.stop([found])
    assert isinstance(action, Patch)
    assert action.body == {"spec": {"shutdown": "Stop"}}
    found["spec"]["shutdown"] = "Stop"
    assert state("argo", found).phase is Phase.RUNNING  # as long as its exit handlers run
    found["status"] = {"phase": "Failed", "message": "Stopped with strategy 'Stop'"}
    assert state("argo", found).phase is Phase.STOPPED
    assert state("argo").phase is Phase.MISSING


def test_parameters_of_a_template() -> None:
    options = {"template": "train", "parameters": {"epochs": 3, "model_uri": "s3://other"}}
    spec = minimal("argo") | {"image": None, "storage": "s3://m/7", "run_id": RUN_ID}
    made = main(spec, options=options)["spec"]
    assert made["workflowTemplateRef"] == {"name": "train"}
    assert made["arguments"]["parameters"] == [
        {"name": "epochs", "value": "3"},
        {"name": "model_uri", "value": "s3://other"},
        {"name": "run_id", "value": RUN_ID},
    ]
    assert "templates" not in made


def test_retries_of_a_step() -> None:
    made = main(minimal("argo"), retries=2)["spec"]
    [step] = made["templates"]
    assert (made["entrypoint"], step["name"]) == ("main", "main")
    assert step["retryStrategy"]["limit"] == "2"
