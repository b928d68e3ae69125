"""The target rayjob: what of KubeRay's two statuses counts, and what the cluster is."""

from __future__ import annotations

import shlex

import pytest
from podium.registry.launch.state import Patch, Phase
from podium.registry.launch.targets import rayjob

from ..live import live, state
from ..samples import main, minimal


@pytest.mark.parametrize(
    ("deployment", "job", "reason", "phase", "said"),
    [
        ("", "", "", Phase.PENDING, ""),
        ("Initializing", "", "", Phase.PENDING, "Initializing"),
        ("Waiting", "PENDING", "", Phase.PENDING, "Waiting"),
        ("Running", "PENDING", "", Phase.PENDING, "Running"),
        ("Running", "RUNNING", "", Phase.RUNNING, ""),
        # The job says so, but the operator has not taken note of it.
        ("Running", "SUCCEEDED", "", Phase.PENDING, "Running"),
        ("Retrying", "FAILED", "", Phase.PENDING, "Retrying"),
        ("Complete", "SUCCEEDED", "", Phase.SUCCEEDED, ""),
        ("Complete", "STOPPED", "", Phase.STOPPED, "Complete"),
        ("Complete", "FAILED", "AppFailed", Phase.FAILED, "AppFailed"),
        ("Failed", "FAILED", "AppFailed", Phase.FAILED, "AppFailed"),
        ("Failed", "RUNNING", "DeadlineExceeded", Phase.FAILED, "DeadlineExceeded"),
        ("Failed", "", "SubmissionFailed", Phase.FAILED, "SubmissionFailed"),
        ("ValidationFailed", "", "ValidationFailed", Phase.FAILED, "ValidationFailed"),
    ],
)
def test_status(deployment: str, job: str, reason: str, phase: Phase, said: str) -> None:
    status = {"jobDeploymentStatus": deployment, "jobStatus": job, "reason": reason}
    found = state("rayjob", live("rayjob", status))
    assert (found.phase, found.reason) == (phase, said)


def test_stop_suspends_and_reads_as_stopped() -> None:
    found = live("rayjob", {"jobDeploymentStatus": "Suspended"})
    [action] = rayjob.stop([found])
    assert isinstance(action, Patch)
    assert action.body == {"spec": {"suspend": True}}
    found["spec"]["suspend"] = True
    assert state("rayjob", found).phase is Phase.STOPPED
    assert state("rayjob").phase is Phase.MISSING


def test_in_a_queue_it_waits() -> None:
    found = live("rayjob", {"jobDeploymentStatus": "Suspended"}, queue="team-queue")
    assert state("rayjob", found).reason == "Queued"
    assert found["spec"]["shutdownAfterJobFinishes"] is True  # Kueue takes no other


def test_the_endpoint_is_the_dashboard() -> None:
    assert rayjob.endpoint([live("rayjob", {})]) is None
    found = live("rayjob", {"dashboardURL": "first-try-x-head-svc.team.svc.cluster.local:8265"})
    assert rayjob.endpoint([found]) == "http://first-try-x-head-svc.team.svc.cluster.local:8265"


def test_the_entry_point_is_the_command_with_its_words_kept_apart() -> None:
    made = main(minimal("rayjob"), command=["python", "a b.py"], args=["--x", "it's; rm"])
    assert shlex.split(made["spec"]["entrypoint"]) == ["python", "a b.py", "--x", "it's; rm"]


def test_gpus_are_the_workers_only() -> None:
    made = main(minimal("rayjob"), resources={"gpu": {"mig": "1g.10gb", "count": 2}}, workers=3)
    cluster = made["spec"]["rayClusterSpec"]
    [group] = cluster["workerGroupSpecs"]
    assert (group["replicas"], group["rayStartParams"]) == (3, {"num-gpus": "2"})
    worker = group["template"]["spec"]
    assert worker["containers"][0]["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == "2"
    head = cluster["headGroupSpec"]["template"]["spec"]
    assert "tolerations" not in head
    assert head["containers"][0]["resources"]["limits"] == {"memory": "4Gi"}


def test_the_submitter_is_given_no_secret() -> None:
    made = main(minimal("rayjob"), secrets=["s3"], tracking={"uri": "http://p", "secret": "token"})
    [container] = made["spec"]["submitterPodTemplate"]["spec"]["containers"]
    assert not {"env", "envFrom", "command", "args"} & set(container)
