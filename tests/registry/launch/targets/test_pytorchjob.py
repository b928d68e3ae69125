"""The target pytorchjob: one master, the workers beside it, and how they stand."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.state import Patch, Phase
from podium.registry.launch.targets import pytorchjob

from ..live import condition, live, state
from ..samples import main, minimal

_CREATED = condition("Created", reason="PyTorchJobCreated")


@pytest.mark.parametrize(
    ("conditions", "phase"),
    [
        ([], Phase.PENDING),
        ([_CREATED], Phase.PENDING),
        ([_CREATED, condition("Running")], Phase.RUNNING),
        ([_CREATED, condition("Running", "False"), condition("Restarting")], Phase.RUNNING),
        ([_CREATED, condition("Running", "False"), condition("Succeeded")], Phase.SUCCEEDED),
        ([_CREATED, condition("Running", "False"), condition("Failed")], Phase.FAILED),
    ],
)
def test_status(conditions: list[dict[str, Any]], phase: Phase) -> None:
    assert state("pytorchjob", live("pytorchjob", {"conditions": conditions})).phase is phase


def test_the_first_worker_is_the_master() -> None:
    alone = main(minimal("pytorchjob"))["spec"]["pytorchReplicaSpecs"]
    assert list(alone) == ["Master"]
    four = main(minimal("pytorchjob"), workers=4)["spec"]["pytorchReplicaSpecs"]
    assert {name: each["replicas"] for name, each in four.items()} == {"Master": 1, "Worker": 3}
    for each in four.values():
        [container] = each["template"]["spec"]["containers"]
        assert container["name"] == "pytorch"


def test_retries_restart_in_place() -> None:
    """The operator gives up when restarts reach the limit: `make test-operators`."""
    made = main(minimal("pytorchjob"), retries=3)["spec"]
    assert made["runPolicy"]["backoffLimit"] == 4
    assert made["pytorchReplicaSpecs"]["Master"]["restartPolicy"] == "OnFailure"


def test_stop_and_queue() -> None:
    found = live("pytorchjob", {})
    [action] = pytorchjob.stop([found])
    assert isinstance(action, Patch)
    assert action.body == {"spec": {"runPolicy": {"suspend": True}}}
    found["spec"]["runPolicy"]["suspend"] = True
    assert state("pytorchjob", found).phase is Phase.STOPPED
    queued = live("pytorchjob", {}, queue="team-queue")
    assert queued["spec"]["runPolicy"]["suspend"] is True
    assert state("pytorchjob", queued).reason == "Queued"
    assert state("pytorchjob").phase is Phase.MISSING
