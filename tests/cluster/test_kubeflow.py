"""Kubeflow: Trainer v2, training-operator v1 and Katib, over their own definitions.

Their controllers are not here, so the test says what they say, by the status subresource, whose
schema drops what is not theirs; pods are made of the manifests' templates and run by kwok.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from podium.registry.launch.state import Phase

from ..registry.launch.samples import minimal
from .control_plane import Cluster
from .launched import Launched, condition
from .processes import wait_for
from .rest import Refused


class TestTrainer:
    """Kubeflow Trainer v2."""

    @pytest.fixture
    def job(self, cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
        custom("trainjobs.trainer.kubeflow.org")
        launched = Launched(cluster.admin, namespace, {**minimal("trainjob"), "workers": 2})
        launched.apply()
        return launched

    def test_it_runs_and_succeeds(self, job: Launched) -> None:
        assert job.state().phase is Phase.PENDING
        assert job.say({"jobsStatus": [_counts(active=2)]}).phase is Phase.PENDING
        assert job.say({"jobsStatus": [_counts(active=2, ready=2)]}).phase is Phase.RUNNING
        done = [condition("Complete", reason="JobsCompleted")]
        assert job.say({"conditions": done}).phase is Phase.SUCCEEDED

    @pytest.mark.parametrize("reason", ["DeadlineExceeded", "TrainingRuntimeNotSupported"])
    def test_it_fails(self, job: Launched, reason: str) -> None:
        found = job.say({"conditions": [condition("Failed", reason=reason)]})
        assert (found.phase, found.reason) == (Phase.FAILED, reason)

    def test_it_is_stopped(self, job: Launched) -> None:
        job.stop()
        found = job.say({"conditions": [condition("Suspended")]})
        assert found.phase is Phase.STOPPED

    def test_its_runtime_cannot_be_changed_afterwards(self, job: Launched) -> None:
        """The definition's own rules (CEL) are in force here."""
        with pytest.raises(Refused, match="immutable"):
            job.admin.patch(job.main, {"spec": {"runtimeRef": {"name": "another"}}})


class TestTrainingOperator:
    """training-operator v1: a PyTorchJob."""

    @pytest.fixture
    def job(self, cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
        custom("pytorchjobs.kubeflow.org")
        data = {**minimal("pytorchjob"), "workers": 2, "env": {"KWOK_SECONDS": "500ms"}}
        launched = Launched(cluster.admin, namespace, data)
        launched.apply()
        return launched

    def test_it_runs_and_succeeds(self, job: Launched) -> None:
        replicas = job.main["spec"]["pytorchReplicaSpecs"]
        assert job.say(_conditions("Created")).phase is Phase.PENDING
        for role in ("Master", "Worker"):
            template = _never_restarted(replicas[role]["template"])
            job.operator_makes_pod(template, f"churn-{role.lower()}-0")
        assert job.say(_conditions("Created", "Running")).phase is Phase.RUNNING
        wait_for(
            "its pods have succeeded",
            lambda: {pod["status"]["phase"] for pod in job.pods()} == {"Succeeded"},
        )
        assert job.say(_conditions("Created", "Succeeded")).phase is Phase.SUCCEEDED

    def test_it_restarts_and_fails(self, job: Launched) -> None:
        assert job.say(_conditions("Created", "Restarting")).phase is Phase.RUNNING
        failed = condition("Failed", reason="PyTorchJobFailed", message="worker 0 exited with 1")
        found = job.say({"conditions": [failed], "replicaStatuses": {}})
        assert (found.phase, found.message) == (Phase.FAILED, "worker 0 exited with 1")

    def test_it_is_stopped(self, job: Launched) -> None:
        job.stop()
        assert job.admin.again(job.main)["spec"]["runPolicy"]["suspend"] is True
        assert job.say(_conditions("Suspended")).phase is Phase.STOPPED


class TestKatib:
    """Katib: an Experiment. Its definition here is ours: upstream's takes any field."""

    @pytest.fixture
    def sweep(self, cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
        custom("experiments.kubeflow.org")
        launched = Launched(cluster.admin, namespace, minimal("katib"))
        launched.apply()
        return launched

    def test_it_searches_and_ends(self, sweep: Launched) -> None:
        assert sweep.state().phase is Phase.PENDING
        assert sweep.say(_conditions("Created", "Running")).phase is Phase.RUNNING
        reached = condition("Succeeded", reason="ExperimentMaxTrialsReached")
        assert sweep.say({"conditions": [reached]}).phase is Phase.SUCCEEDED

    def test_too_many_trials_fail(self, sweep: Launched) -> None:
        failed = condition("Failed", reason="ExperimentMaxFailedTrialsReached")
        assert sweep.say({"conditions": [failed]}).phase is Phase.FAILED

    def test_a_trial_is_a_job_that_runs(self, sweep: Launched, cluster: Cluster) -> None:
        """As Katib makes it: the parameters put in, the name its own."""
        template = sweep.main["spec"]["trialTemplate"]
        spec = template["trialSpec"]["spec"]
        [container] = spec["template"]["spec"]["containers"]
        assert container["name"] == template["primaryContainerName"]
        container["args"] = ["--depth=4"]
        container["env"].append({"name": "KWOK_SECONDS", "value": "100ms"})
        meta = {"name": "trial-1", "namespace": sweep.namespace}
        trial = cluster.admin.create({**template["trialSpec"], "metadata": meta})
        wait_for("the trial is done", lambda: cluster.admin.again(trial)["status"].get("succeeded"))

    def test_it_is_stopped(self, sweep: Launched) -> None:
        sweep.stop()
        assert wait_for("it is gone", lambda: sweep.state().phase is Phase.MISSING)


def _counts(**counts: int) -> dict[str, Any]:
    none = dict.fromkeys(("active", "failed", "ready", "succeeded", "suspended"), 0)
    return {"name": "node", **none, **counts}


def _conditions(*holding: str) -> dict[str, Any]:
    """training-operator and Katib say of all the others that they do not hold."""
    kinds = ("Created", "Running", "Restarting", "Succeeded", "Failed", "Suspended")
    said = [condition(kind, "True" if kind in holding else "False") for kind in kinds]
    return {"conditions": said}


def _never_restarted(template: dict[str, Any]) -> dict[str, Any]:
    return {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
