"""The target job: how a Job stands, and how several workers find each other."""

from __future__ import annotations

from typing import Any

import pytest
from podium.registry.launch.state import Delete, Patch, Phase, State
from podium.registry.launch.targets import job

from ..live import NAMESPACE, condition, live, state, workload
from ..samples import main, manifests, minimal

_SUSPENDED = condition("Suspended", reason="JobSuspended", message="Job suspended")
_BACKOFF = "Job has reached the specified backoff limit"
_DEADLINE = "Job was active longer than specified deadline"


@pytest.mark.parametrize(
    ("status", "phase", "reason"),
    [
        ({}, Phase.PENDING, ""),
        ({"active": 1, "ready": 0}, Phase.PENDING, ""),
        ({"active": 1, "ready": 1}, Phase.RUNNING, ""),
        ({"active": 1, "ready": 1, "failed": 1}, Phase.RUNNING, ""),
        # Its pods are still ending: not yet.
        ({"ready": 1, "conditions": [condition("SuccessCriteriaMet")]}, Phase.RUNNING, ""),
        ({"ready": 1, "conditions": [condition("FailureTarget")]}, Phase.RUNNING, ""),
        (
            {
                "succeeded": 1,
                "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
            },
            Phase.SUCCEEDED,
            "",
        ),
        (
            {"conditions": [condition("Failed", reason="BackoffLimitExceeded", message=_BACKOFF)]},
            Phase.FAILED,
            "BackoffLimitExceeded",
        ),
        (
            {"conditions": [condition("Failed", reason="DeadlineExceeded", message=_DEADLINE)]},
            Phase.FAILED,
            "DeadlineExceeded",
        ),
        (
            {"conditions": [condition("Failed", reason="PodFailurePolicy")]},
            Phase.FAILED,
            "PodFailurePolicy",
        ),
        ({"conditions": [condition("Complete", "False")], "ready": 1}, Phase.RUNNING, ""),
    ],
)
def test_status(status: dict[str, Any], phase: Phase, reason: str) -> None:
    found = state("job", live("job", status))
    assert (found.phase, found.reason) == (phase, reason)


def test_the_message_is_the_condition_s() -> None:
    failed = condition("Failed", reason="BackoffLimitExceeded", message=_BACKOFF)
    assert state("job", live("job", {"conditions": [failed]})).message == _BACKOFF


def test_one_that_is_not_there() -> None:
    assert state("job") == State(Phase.MISSING)


class TestQueue:
    def test_it_is_made_suspended_for_kueue_to_start(self) -> None:
        made = main(minimal("job"), queue="team-queue", priority="high")
        assert made["spec"]["suspend"] is True
        assert made["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team-queue"
        assert made["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "high"
        assert "priorityClassName" not in made["spec"]["template"]["spec"]

    def test_until_then_it_waits_and_is_not_stopped(self) -> None:
        found = live("job", {"conditions": [_SUSPENDED]}, queue="team-queue")
        assert state("job", found).phase is Phase.PENDING
        assert state("job", found).reason == "Queued"

    def test_kueue_says_what_for(self) -> None:
        found = live("job", {"conditions": [_SUSPENDED]}, queue="team-queue")
        message = (
            "couldn't assign flavors to pod set main: insufficient unused quota for "
            "nvidia.com/gpu in flavor default, 1 more needed"
        )
        waits = workload(condition("QuotaReserved", "False", "WaitingForQuota", message))
        assert state("job", found, waits) == State(Phase.PENDING, "WaitingForQuota", message)

    def test_an_eviction_is_said(self) -> None:
        found = live("job", {"conditions": [_SUSPENDED]}, queue="team-queue")
        evicted = workload(
            condition("QuotaReserved"),
            condition("Admitted"),
            condition("Evicted", reason="Preempted", message="Preempted to make room"),
        )
        assert state("job", found, evicted).reason == "Preempted"


class TestStop:
    def test_it_is_suspended_which_keeps_the_record(self) -> None:
        found = live("job", {})
        [action] = job.stop([found])
        assert action == Patch(
            "Job",
            found["metadata"]["name"],
            "batch/v1",
            NAMESPACE,
            {"spec": {"suspend": True}},
        )
        found["spec"]["suspend"] = True
        found["status"] = {"conditions": [_SUSPENDED]}
        assert state("job", found).phase is Phase.STOPPED

    def test_in_a_queue_the_workload_is_turned_off(self) -> None:
        found = live("job", {}, queue="team-queue")
        [action] = job.stop([found, workload()])
        assert isinstance(action, Patch)
        assert (action.kind, action.body) == ("Workload", {"spec": {"active": False}})

    def test_or_the_job_is_deleted_where_there_is_none_yet(self) -> None:
        [action] = job.stop([live("job", {}, queue="team-queue")])
        assert isinstance(action, Delete)

    def test_nothing_is_to_be_done_where_nothing_is(self) -> None:
        assert job.stop([]) == []


class TestWorkers:
    def test_they_find_each_other_by_name(self) -> None:
        service, made = manifests(minimal("job"), workers=4)
        name = made["metadata"]["name"]
        pod = made["spec"]["template"]["spec"]
        said = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        assert said["MASTER_ADDR"] == f"{name}-0.{name}"
        assert said["WORLD_SIZE"] == "4"
        assert (pod["subdomain"], service["metadata"]["name"]) == (name, name)
        assert service["spec"]["clusterIP"] == "None"
        labels = made["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()

    def test_one_alone_has_nobody_to_find(self) -> None:
        [made] = manifests(minimal("job"))
        names = {each["name"] for each in made["spec"]["template"]["spec"]["containers"][0]["env"]}
        assert not names & {"MASTER_ADDR", "WORLD_SIZE", "RANK"}
