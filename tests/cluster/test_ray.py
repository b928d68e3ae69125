"""Ray: jobs and services of KubeRay, whose controller is not here: the test says what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from podium.registry.launch.state import Phase

from ..registry.launch.samples import minimal
from .control_plane import Cluster
from .launched import Launched, condition
from .processes import wait_for


class TestRayJob:
    @pytest.fixture
    def job(self, cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
        custom("rayjobs.ray.io")
        data = {**minimal("rayjob"), "resources": {"gpu": {"count": 1}}}
        launched = Launched(cluster.admin, namespace, data)
        launched.apply()
        return launched

    def test_it_runs_and_succeeds(self, job: Launched) -> None:
        assert job.state().phase is Phase.PENDING
        assert job.say({"jobDeploymentStatus": "Initializing"}).phase is Phase.PENDING
        ray = job.main["spec"]["rayClusterSpec"]
        job.operator_makes_pod(ray["headGroupSpec"]["template"], "ray-head")
        job.operator_makes_pod(ray["workerGroupSpecs"][0]["template"], "ray-worker-0")
        nodes = wait_for(
            "head and worker run",
            lambda: (
                {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in job.pods()}
                if {pod["status"]["phase"] for pod in job.pods()} == {"Running"}
                else None
            ),
        )
        assert nodes["ray-head"].startswith("plain"), "the head needs no GPU"
        assert nodes["ray-worker-0"] in ("h100-0", "mig-single-0", "mps-0")
        running = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"}
        assert job.say({**running, "dashboardURL": "head.team.svc:8265"}).phase is Phase.RUNNING
        assert job.endpoint() == "http://head.team.svc:8265"
        assert job.say({"jobStatus": "SUCCEEDED"}).phase is Phase.PENDING  # not taken note of yet
        assert job.say({"jobDeploymentStatus": "Complete"}).phase is Phase.SUCCEEDED

    def test_it_fails(self, job: Launched) -> None:
        failed = {
            "jobDeploymentStatus": "Failed",
            "jobStatus": "FAILED",
            "reason": "AppFailed",
            "message": "Job entrypoint command failed with exit code 1",
        }
        found = job.say(failed)
        assert (found.phase, found.reason) == (Phase.FAILED, "AppFailed")
        assert "exit code 1" in found.message

    def test_it_is_stopped(self, job: Launched) -> None:
        job.stop()
        assert job.say({"jobDeploymentStatus": "Suspended"}).phase is Phase.STOPPED


class TestRayService:
    @pytest.fixture
    def service(self, cluster: Cluster, namespace: str, custom: Callable[..., None]) -> Launched:
        custom("rayservices.ray.io")
        launched = Launched(cluster.admin, namespace, minimal("rayservice"))
        launched.apply()
        return launched

    def test_it_gets_ready(self, service: Launched) -> None:
        initializing = [condition("Ready", "False", "Initializing")]
        assert service.say({"conditions": initializing}).phase is Phase.PENDING
        ready = [condition("Ready", "True", "NonZeroServeEndpoints")]
        assert service.say({"conditions": ready}).phase is Phase.READY
        name = service.main["metadata"]["name"]
        assert service.endpoint() == f"http://{name}-serve-svc.{service.namespace}.svc:8000"

    def test_it_never_gets_ready(self, service: Launched) -> None:
        late = [condition("Ready", "False", "InitializingTimeout", "no head")]
        assert service.say({"conditions": late}).phase is Phase.FAILED

    def test_it_is_stopped(self, service: Launched) -> None:
        service.stop()
        assert wait_for("it is gone", lambda: service.state().phase is Phase.MISSING)
