"""The target kfp: the body of the call that makes a run, and the run that comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from podium.registry.launch.state import Phase, Request
from podium.registry.launch.targets import kfp

from ..samples import RUN_ID, full, main, minimal


@pytest.mark.parametrize(
    ("given", "phase", "reason"),
    [
        ("RUNTIME_STATE_UNSPECIFIED", Phase.PENDING, ""),
        ("PENDING", Phase.PENDING, ""),
        ("RUNNING", Phase.RUNNING, ""),
        ("PAUSED", Phase.PENDING, ""),
        ("CANCELING", Phase.RUNNING, ""),
        ("SUCCEEDED", Phase.SUCCEEDED, ""),
        ("SKIPPED", Phase.SUCCEEDED, "SKIPPED"),
        ("FAILED", Phase.FAILED, "FAILED"),
        ("CANCELED", Phase.STOPPED, "CANCELED"),
    ],
)
def test_status(given: str, phase: Phase, reason: str) -> None:
    found = kfp.status([{"run_id": "r", "state": given}])
    assert (found.phase, found.reason) == (phase, reason)


def test_the_message_is_the_error_s() -> None:
    failed: dict[str, Any] = {
        "run_id": "r",
        "state": "FAILED",
        "error": {"message": "no such file"},
    }
    assert kfp.status([failed]).message == "no such file"
    assert kfp.status([]).phase is Phase.MISSING


def test_endpoint_and_stop() -> None:
    run = {"run_id": "5a1f", "state": "RUNNING"}
    assert kfp.endpoint([run]) == "#/runs/details/5a1f"
    assert kfp.endpoint([]) is None
    assert kfp.stop([run]) == [Request("POST", "/apis/v2beta1/runs/5a1f:terminate")]


def test_parameters_keep_their_types_and_win_over_ours() -> None:
    options = minimal("kfp")["options"] | {
        "parameters": {"lr": 0.1, "deep": True, "run_id": "mine"}
    }
    spec = minimal("kfp") | {"options": options, "run_id": RUN_ID, "storage": "s3://m/7"}
    body = main(spec)["body"]
    assert body["runtime_config"]["parameters"] == {
        "model_uri": "s3://m/7",
        "run_id": "mine",
        "lr": 0.1,
        "deep": True,
    }


def test_it_is_json() -> None:
    made = main(full("kfp"))
    assert json.loads(json.dumps(made)) == made
    assert (made["method"], made["path"]) == ("POST", "/apis/v2beta1/runs")
