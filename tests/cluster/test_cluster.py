"""The test cluster itself: what it must be for the other tests to mean something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from podium.registry.launch.state import Phase

from ..registry.launch.samples import minimal
from .build import KUBERNETES
from .control_plane import Cluster
from .launched import Launched
from .processes import wait_for
from .rest import Refused, Rest


def test_it_is_the_kubernetes_it_says(cluster: Cluster) -> None:
    assert cluster.admin.call("GET", "/version")["gitVersion"] == f"v{KUBERNETES}"


def test_a_stranger_may_nothing(cluster: Cluster) -> None:
    with pytest.raises(Refused, match="Unauthorized"):
        Rest(cluster.url, cluster.ca, "wrong").call("GET", "/api/v1/namespaces")


def test_an_unknown_field_is_refused_by_name(cluster: Cluster, namespace: str) -> None:
    made = _job(namespace)
    made["spec"]["template"]["spec"]["restartPolcy"] = "Never"
    with pytest.raises(Refused, match="restartPolcy"):
        cluster.admin.create(made)


def test_pod_security_is_restricted(cluster: Cluster, namespace: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad", "namespace": namespace}}
    with pytest.raises(Refused, match="runAsNonRoot"):
        cluster.admin.create(pod | {"spec": {"containers": [{"name": "main", "image": "a/b:1"}]}})


@pytest.mark.parametrize(("exit_status", "expected"), [("0", "Complete"), ("3", "Failed")])
def test_a_job_runs_to_its_end(
    cluster: Cluster, namespace: str, exit_status: str, expected: str
) -> None:
    made = cluster.admin.create(_job(namespace, KWOK_SECONDS="100ms", KWOK_EXIT=exit_status))

    def conditions() -> set[str]:
        status = cluster.admin.again(made)["status"]
        return {each["type"] for each in status.get("conditions", ()) if each["status"] == "True"}

    assert wait_for("the job has ended", lambda: conditions() & {"Complete", "Failed"}) == {
        expected
    }


def test_who_waits_in_vain_says_what_there_is(cluster: Cluster, namespace: str) -> None:
    job = Launched(cluster.admin, namespace, {**minimal("job"), "env": {"KWOK_START": "never"}})
    job.apply()
    with pytest.raises(AssertionError) as late:
        job.reaches(Phase.RUNNING, seconds=1)
    lines = str(late.value).splitlines()
    [pod] = [line for line in lines if line.startswith("  Pod ")]
    assert "on plain-" in pod
    assert "Pending; PodScheduled=True" in pod
    events = [line for line in lines if line.startswith("  Event ")]
    assert any("Scheduled of Pod" in line for line in events)
    assert any("SuccessfulCreate of Job" in line for line in events)


def test_definitions_are_upstreams_own(cluster: Cluster, custom: Callable[..., None]) -> None:
    custom("trainjobs.trainer.kubeflow.org")
    assert cluster.admin.list("trainer.kubeflow.org/v1alpha1", "TrainJob") == []


def _job(namespace: str, **env: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "a/b:1",
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"limits": {"nvidia.com/gpu": "1"}},
    }
    pod = {
        "restartPolicy": "Never",
        "containers": [container],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "one", "namespace": namespace},
        "spec": {
            "backoffLimit": 0,
            "completionMode": "Indexed",
            "completions": 1,
            "parallelism": 1,
            "template": {"spec": pod},
        },
    }
