"""The target trainjob: how a TrainJob stands, and what is patched into its runtime."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.state import Patch, Phase
from podium.registry.launch.targets import trainjob

from ..live import condition, live, state
from ..samples import main, minimal


def _job(**counts: int) -> dict[str, Any]:
    none = dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), 0)
    return {"name": "node", **none, **counts}


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        ({}, Phase.PENDING, ""),  # that a condition is missing says nothing
        ({"jobsStatus": [_job(active=1)]}, Phase.PENDING, ""),
        ({"jobsStatus": [_job(active=1, ready=1)]}, Phase.RUNNING, ""),
        (
            {"conditions": [condition("Complete", reason="AllJobsCompleted")]},
            Phase.SUCCEEDED,
            "AllJobsCompleted",
        ),
        (
            {"conditions": [condition("Failed", reason="DeadlineExceeded")]},
            Phase.FAILED,
            "DeadlineExceeded",
        ),
        (
            {"conditions": [condition("Failed", reason="TrainingRuntimeNotSupported")]},
            Phase.FAILED,
            "TrainingRuntimeNotSupported",
        ),
        (
            {
                "conditions": [condition("Suspended", "False", "Resumed")],
                "jobsStatus": [_job(ready=1)],
            },
            Phase.RUNNING,
            "",
        ),
    ],
)
def test_status(status: dict[str, Any], phase: Phase, reason: str) -> None:
    found = state("trainjob", live("trainjob", status))
    assert (found.phase, found.reason) == (phase, reason)


def test_stop_suspends_and_reads_as_stopped() -> None:
    found = live("trainjob", {"conditions": [condition("Suspended", reason="Suspended")]})
    [action] = trainjob.stop([found])
    assert isinstance(action, Patch)
    assert action.body == {"spec": {"suspend": True}}
    found["spec"]["suspend"] = True
    assert state("trainjob", found).phase is Phase.STOPPED
    assert state("trainjob").phase is Phase.MISSING


def test_keys_of_secrets_are_variables() -> None:
    made = main(minimal("trainjob"), secrets=[{"name": "s3", "keys": ["AWS_ACCESS_KEY_ID"]}])
    reference = {"secretKeyRef": {"name": "s3", "key": "AWS_ACCESS_KEY_ID"}}
    variables = made["spec"]["trainer"]["env"]
    assert {"name": "AWS_ACCESS_KEY_ID", "valueFrom": reference} in variables


def test_a_process_for_each_gpu() -> None:
    made = main(minimal("trainjob"), resources={"gpu": {"count": 4}}, workers=2)
    assert made["spec"]["trainer"]["numProcPerNode"] == 4
    assert made["spec"]["trainer"]["numNodes"] == 2
    assert "numProcPerNode" not in main(minimal("trainjob"))["spec"]["trainer"]


def test_the_runtime_may_be_of_the_namespace() -> None:
    options = {"runtime": "ours", "runtime_kind": "TrainingRuntime", "step": "trainer"}
    made = main(minimal("trainjob"), options=options)
    assert made["spec"]["runtimeRef"]["kind"] == "TrainingRuntime"
    [patch] = made["spec"]["runtimePatches"]
    [step] = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    assert step["name"] == "trainer"
