"""Kueue: a job in a queue, over upstream's definitions.

Its controller is not here. The test makes the Workload that it makes, says of it what it says, and
starts the job as it does: by taking ``suspend`` away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from podium.registry.launch.state import Phase

from ..registry.launch.samples import minimal
from .control_plane import Cluster
from .launched import HELD, Launched, condition, release
from .processes import wait_for
from .rest import Object

_API = "kueue.x-k8s.io/v1beta2"


@pytest.fixture
def job(cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
    custom("workloads.kueue.x-k8s.io")
    data = {**minimal("job"), "queue": "team-queue", "env": HELD}
    launched = Launched(cluster.admin, namespace, data)
    cluster.admin.create(launched.main)  # once: an apply would suspend what runs
    return launched


def test_it_waits_its_turn_and_runs(job: Launched) -> None:
    assert job.state().reason == "Queued"
    workload = _workload(job)
    full = "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu"
    _say(job, workload, condition("QuotaReserved", "False", "Pending", full))
    assert job.state().message == full
    assert job.is_diagnosed("QueueFull")
    assert not job.pods(), "nothing runs before its turn"
    _say(job, workload, condition("QuotaReserved"), condition("Admitted"))
    job.admin.patch(job.main, {"spec": {"suspend": False}})
    job.reaches(Phase.RUNNING)
    release(job.admin, job.namespace)
    job.reaches(Phase.SUCCEEDED)


def test_a_queue_that_does_not_exist_is_named(job: Launched) -> None:
    missing = "LocalQueue team-queue doesn't exist"
    _say(job, _workload(job), condition("QuotaReserved", "False", "Inadmissible", missing))
    assert job.is_diagnosed("MissingLocalQueue").sentence.startswith("There is no LocalQueue team")


def test_it_is_preempted_and_waits_again(job: Launched) -> None:
    job.admin.patch(job.main, {"spec": {"suspend": False}})
    job.reaches(Phase.RUNNING)
    job.admin.patch(job.main, {"spec": {"suspend": True}})
    preempted = condition("Evicted", "True", "Preempted", "to accommodate a higher priority")
    _say(job, _workload(job), preempted)
    found = job.reaches(Phase.PENDING)
    assert found.reason == "Preempted"


def test_stopping_it_turns_the_workload_off(job: Launched) -> None:
    workload = _workload(job)
    job.stop()
    assert job.admin.again(workload)["spec"]["active"] is False


def test_stopping_it_before_kueue_has_seen_it_deletes_it(job: Launched) -> None:
    job.stop()
    wait_for("it is gone", lambda: job.state().phase is Phase.MISSING)


def _workload(job: Launched) -> Object:
    name = job.main["metadata"]["name"]
    template = {"spec": job.main["spec"]["template"]["spec"]}
    made: dict[str, Any] = {
        "apiVersion": _API,
        "kind": "Workload",
        "metadata": {"name": f"job-{name}", "namespace": job.namespace},
        "spec": {
            "active": True,
            "queueName": "team-queue",
            "podSets": [{"name": "main", "count": 1, "template": template}],
        },
    }
    return job.admin.create(made)


def _say(job: Launched, workload: Object, *conditions: Object) -> None:
    job.admin.set_status(workload, {"conditions": list(conditions)})
