"""Argo Workflows, whose controller is not here: the test says what it says. A Workflow has no
status subresource, so that is a patch of the object itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from podium.registry.launch.state import Phase

from ..registry.launch.samples import minimal
from .control_plane import Cluster
from .launched import Launched


@pytest.fixture
def workflow(cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
    custom("workflows.argoproj.io")
    launched = Launched(cluster.admin, namespace, minimal("argo"))
    launched.apply()
    return launched


def test_it_runs_and_succeeds(workflow: Launched) -> None:
    assert workflow.state().phase is Phase.PENDING
    assert workflow.say({"phase": "Pending"}).phase is Phase.PENDING
    assert workflow.say({"phase": "Running"}).phase is Phase.RUNNING
    assert workflow.say({"phase": "Succeeded"}).phase is Phase.SUCCEEDED


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_it_fails(workflow: Launched, phase: str) -> None:
    found = workflow.say({"phase": phase, "message": "child 'main' failed"})
    assert (found.phase, found.reason, found.message) == (
        Phase.FAILED,
        phase,
        "child 'main' failed",
    )


def test_it_is_stopped(workflow: Launched) -> None:
    workflow.say({"phase": "Running"})
    workflow.stop()
    assert workflow.admin.again(workflow.main)["spec"]["shutdown"] == "Stop"
    found = workflow.say({"phase": "Failed", "message": "Stopped with strategy 'Stop'"})
    assert found.phase is Phase.STOPPED


def test_applied_again_it_keeps_what_the_controller_says(workflow: Launched) -> None:
    """Status stands beside spec in one object here: an apply must not take it away."""
    workflow.say({"phase": "Running"})
    workflow.apply()
    assert workflow.state().phase is Phase.RUNNING
