"""Launches that training-operator v1 runs: `make test-operators`, which builds it first.

It makes the pods of a PyTorchJob itself. kwok plays their nodes or, where they have to be
processes, the test kubelet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from podium.client.launches import LaunchState

from ...registry.launch.samples import minimal
from ...services import MissingService
from ..control_plane import Cluster
from ..kubelet import Kubelet
from ..launched import HELD, release
from ..processes import wait_for
from . import kubeflow
from .operated import PYTORCH, Operated, environ

pytestmark = pytest.mark.timeout(2400)  # whoever comes first may have to build


def _job(**more: Any) -> dict[str, Any]:
    return {**minimal("pytorchjob"), **more}


@pytest.fixture(scope="class")
def as_installed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    try:
        with kubeflow.training_operator(cluster, tmp_path_factory.mktemp("operator")):
            yield
    except MissingService as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="class")
def as_documented(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """With the file that docs/launch.md has for namespaces that are restricted."""
    folder = tmp_path_factory.mktemp("operator")
    (folder / "init.yaml").write_text(kubeflow.documented("- name: init-pytorch"))
    flag = f"--pytorch-init-container-template-file={folder / 'init.yaml'}"
    try:
        with kubeflow.training_operator(cluster, folder, flag):
            yield
    except MissingService as missing:
        pytest.skip(str(missing))


@pytest.mark.usefixtures("as_installed")
class TestAsInstalled:
    def test_a_worker_that_may_not_be_made_is_said(self, world: Operated) -> None:
        """The operator has it wait for the master in a container that is not restricted."""
        said = world.is_diagnosed(world.start(_job(workers=2)), "AdmissionRefused")
        assert "Pod Security profile restricted" in said.sentence
        assert "init-pytorch" in said.said

    def test_its_webhook_refuses_two_masters(self, world: Operated) -> None:
        world.site_says(overlay=["*"])
        two = {"spec": {"pytorchReplicaSpecs": {"Master": {"replicas": 2}}}}
        spec = _job(overlay={"PyTorchJob": two})
        [verdict] = world.tried(spec).verdicts
        assert verdict.refused
        assert verdict.refused.code == "AdmissionRefused"
        assert "validator.pytorchjob.training-operator.kubeflow.org" in verdict.refused.sentence
        assert "must be 1" in verdict.refused.said

    def test_a_master_alone_runs_to_its_end(self, world: Operated) -> None:
        launch = world.start(_job(env=HELD))
        world.reaches(launch, LaunchState.RUNNING)
        release(world.cluster.admin, world.namespace)
        assert world.reaches(launch, LaunchState.SUCCEEDED).reason == "PyTorchJobSucceeded"


@pytest.mark.usefixtures("as_documented")
class TestAsDocumented:
    def test_a_master_and_a_worker_run_to_their_end(self, world: Operated) -> None:
        launch = world.start(_job(workers=2, resources={"gpu": {"count": 2}}, env=HELD))
        world.reaches(launch, LaunchState.RUNNING)
        world.until(lambda: len(world.pods()) == 2)
        ranks = set()
        for pod in world.pods():
            [container] = pod["spec"]["containers"]
            assert container["resources"]["limits"]["nvidia.com/gpu"] == "2"
            said = environ(pod)
            assert said["PODIUM_RUN_ID"] == world.now(launch).run_id
            assert (said["PET_NNODES"], said["PET_NPROC_PER_NODE"]) == ("2", "2")
            role = pod["metadata"]["labels"]["training.kubeflow.org/replica-type"]
            ranks.add((role, said["RANK"]))
        assert ranks == {("master", "0"), ("worker", "1")}
        release(world.cluster.admin, world.namespace)
        world.reaches(launch, LaunchState.SUCCEEDED)

    def test_a_pod_that_fails_is_why_it_has_failed(self, world: Operated) -> None:
        out_of_memory = {"KWOK_SECONDS": "10ms", "KWOK_EXIT": "137", "KWOK_REASON": "OOMKilled"}
        failed = world.reaches(world.start(_job(workers=2, env=out_of_memory)), LaunchState.FAILED)
        assert failed.reason == "OOMKilled"

    def test_it_is_stopped_and_nothing_is_left(self, world: Operated) -> None:
        launch = world.start(_job(workers=2))
        world.reaches(launch, LaunchState.RUNNING)
        world.until(lambda: len(world.left(PYTORCH)) == 5)
        world.stop(launch)
        world.reaches(launch, LaunchState.STOPPED)
        wait_for("nothing is left of it", lambda: not world.left(PYTORCH))

    def test_it_is_over_its_deadline(self, world: Operated) -> None:
        """The operator looks at the time when something else happens; so the worker ends it, which
        leaves each system a minute, and looks at what does not change every half minute."""
        failed = world.reaches(world.start(_job(deadline=2)), LaunchState.FAILED, seconds=150)
        assert failed.reason == "DeadlineExceeded"
        wait_for("its pods are gone", lambda: not world.pods())

    def test_in_a_queue_it_waits_until_it_is_let_in(
        self, world: Operated, custom: Callable[..., None]
    ) -> None:
        custom("workloads.kueue.x-k8s.io")
        launch = world.start(_job(queue="gpus", env=HELD))
        assert world.reaches(launch, LaunchState.PENDING).reason == "Queued"
        job = world.main(launch)
        admin = world.cluster.admin
        wait_for("it waits", lambda: "PyTorchJobSuspended" in str(admin.again(job)))
        assert not world.pods()
        admin.patch(job, {"spec": {"runPolicy": {"suspend": False}}})  # as Kueue does
        world.reaches(launch, LaunchState.RUNNING)
        release(world.cluster.admin, world.namespace)
        world.reaches(launch, LaunchState.SUCCEEDED)

    def test_what_a_quota_refuses_is_said(self, world: Operated) -> None:
        world.limit("requests.nvidia.com/gpu", 0)
        launch = world.start(_job(resources={"gpu": {"count": 2}}))
        assert "limited" in world.is_diagnosed(launch, "Quota").sentence

    def test_one_retry_is_one(self, world: Operated, kubelet: Kubelet) -> None:
        script = (
            "import os, sys, time\n"
            "tried = os.path.join(os.environ['HOME'], 'tried')\n"
            "if not os.path.exists(tried): open(tried, 'w').close(); sys.exit(3)\n"
            "time.sleep(2)"
        )
        launch = world.start(_job(command=["python", "-uc", script], retries=1))
        world.reaches(launch, LaunchState.SUCCEEDED)
        [pod] = world.pods()
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 1

    @pytest.mark.parametrize("retries", [0, 1])
    def test_code_that_fails(self, world: Operated, kubelet: Kubelet, retries: int) -> None:
        script = "import sys; print('no such file'); sys.exit(3)"
        launch = world.start(_job(command=["python", "-uc", script], retries=retries))
        failed = world.reaches(launch, LaunchState.FAILED)
        assert failed.reason in ("CrashLoop", "Crashed")
        assert failed.diagnosis
        assert failed.diagnosis.said == "no such file"
