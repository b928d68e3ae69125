"""Launches that Kubeflow Trainer v2 runs: `make test-operators`, which builds it first.

Trainer makes a JobSet of a TrainJob, JobSet makes Jobs of that, and Kubernetes makes pods. kwok
plays their nodes or, where they have to be processes, the test kubelet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from podium import client
from podium.client import session
from podium.client.launches import LaunchState
from podium.registry.launches.read import kept_log

from ...registry.launch.samples import IMAGE, minimal
from ...services import MissingService, free_ports
from ...services.podium import podium_up
from ..control_plane import Cluster
from ..kubelet import Kubelet
from ..launched import HELD, release
from ..processes import wait_for
from . import kubeflow
from .operated import TRAINER, Operated, environ

pytestmark = pytest.mark.timeout(2400)  # whoever comes first may have to build


@pytest.fixture(scope="module", autouse=True)
def trainer(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    try:
        with kubeflow.trainer(cluster, tmp_path_factory.mktemp("trainer")):
            yield
    except MissingService as missing:
        pytest.skip(str(missing))


_LOGS = """
import os
from podium import client
client.log_metric("rank" + os.environ["PET_NODE_RANK"], float(os.environ["PET_NNODES"]))
client.end_run()
"""


def _job(runtime: str = kubeflow.RUNTIME, **more: Any) -> dict[str, Any]:
    return {**minimal("trainjob"), "options": {"runtime": runtime}, **more}


def test_two_workers_run_to_their_end(world: Operated) -> None:
    launch = world.start(_job(workers=2, resources={"gpu": {"count": 2}}, env=HELD))
    world.reaches(launch, LaunchState.RUNNING)
    assert len(world.pods()) == 2
    for pod in world.pods():
        [container] = pod["spec"]["containers"]
        assert (container["name"], container["image"]) == ("node", IMAGE)
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "2"
        said = environ(pod)
        assert said["PODIUM_RUN_ID"] == world.now(launch).run_id
        assert (said["PET_NNODES"], said["PET_NPROC_PER_NODE"]) == ("2", "2")
    release(world.cluster.admin, world.namespace)
    done = world.reaches(launch, LaunchState.SUCCEEDED)
    assert done.reason == "AllJobsCompleted"


def test_a_pod_that_fails_is_why_it_has_failed(world: Operated) -> None:
    out_of_memory = {"KWOK_SECONDS": "10ms", "KWOK_EXIT": "137", "KWOK_REASON": "OOMKilled"}
    launch = world.start(_job(kubeflow.ONCE, env=out_of_memory))
    failed = world.reaches(launch, LaunchState.FAILED)
    [pod] = world.pods()
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"
    assert failed.reason == "OOMKilled"
    assert failed.diagnosis
    assert "memory" in failed.diagnosis.sentence


def test_it_is_stopped_and_nothing_is_left(world: Operated) -> None:
    launch = world.start(_job(workers=2))
    world.reaches(launch, LaunchState.RUNNING)
    assert world.left(TRAINER) == ["TrainJob", "JobSet", "Job", "Pod", "Pod"]
    world.stop(launch)
    world.reaches(launch, LaunchState.STOPPED)
    wait_for("nothing is left of it", lambda: not world.left(TRAINER))


def test_it_is_over_its_deadline(world: Operated) -> None:
    launch = world.start(_job(deadline=2))
    assert world.reaches(launch, LaunchState.FAILED).reason == "DeadlineExceeded"
    wait_for("its pods are gone", lambda: not world.pods())


def test_in_a_queue_it_waits_until_it_is_let_in(
    world: Operated, custom: Callable[..., None]
) -> None:
    custom("workloads.kueue.x-k8s.io")
    launch = world.start(_job(queue="gpus", env=HELD))
    world.until(lambda: world.left(TRAINER) == ["TrainJob", "JobSet", "Job"])
    assert world.reaches(launch, LaunchState.PENDING).reason == "Queued"
    world.cluster.admin.patch(world.main(launch), {"spec": {"suspend": False}})  # as Kueue does
    world.reaches(launch, LaunchState.RUNNING)
    release(world.cluster.admin, world.namespace)
    world.reaches(launch, LaunchState.SUCCEEDED)


def test_its_webhook_refuses_a_runtime_that_is_not_there(world: Operated) -> None:
    spec = _job("no-such")
    [verdict] = world.tried(spec).verdicts
    assert verdict.refused
    assert verdict.refused.code == "AdmissionRefused"
    assert "validator.trainjob.trainer.kubeflow.org" in verdict.refused.sentence
    assert "must be created before the TrainJob" in verdict.refused.said
    failed = world.reaches(world.start(spec), LaunchState.FAILED)
    assert failed.reason == "AdmissionRefused"


def test_a_step_that_the_runtime_has_not_is_said(world: Operated) -> None:
    """Trainer's webhook takes it, having put the step in before it looks for it."""
    spec = {**_job(), "options": {"step": "no-such"}}
    assert world.tried(spec).accepted
    said = world.is_diagnosed(world.start(spec), "Invalid")
    assert "image" in said.sentence


def test_what_jobset_refuses_is_said(world: Operated) -> None:
    """Of a runtime that Trainer takes, and JobSet does not."""
    runtime = kubeflow.runtime("of-nothing")
    nothing = {"operator": "All", "targetReplicatedJobs": ["no-such"]}
    runtime["spec"]["template"]["spec"]["successPolicy"] = nothing
    kubeflow.add_runtime(world.cluster, runtime)
    said = world.is_diagnosed(world.start(_job("of-nothing")), "AdmissionRefused")
    assert "vjobset.kb.io" in said.sentence
    assert "no-such" in said.said


@pytest.mark.parametrize("what", ["requests.nvidia.com/gpu", "count/jobs.batch"])
def test_what_a_quota_refuses_is_said(world: Operated, what: str) -> None:
    """To who makes the pods, and to who makes the Jobs of them."""
    world.limit(what, 0)
    launch = world.start(_job(resources={"gpu": {"count": 2}}))
    assert "limited" in world.is_diagnosed(launch, "Quota").sentence


def test_its_processes_log_to_their_run(world: Operated, kubelet: Kubelet, tmp_path: Path) -> None:
    """Through a server with its worker, as somebody starts them."""
    [port] = free_ports(1)
    world.site_says(tracking={"uri": f"http://127.0.0.1:{port}"})
    environ = {"PODIUM_LAUNCH_SITE": str(world.path)}
    with podium_up(tmp_path / "data", port=port, environ=environ) as server:
        client.configure(server.url, finish_timeout=60)
        with client.start_run() as before:
            pass
        command = ["python", "-c", _LOGS]
        spec = _job(workers=2, command=command, source={"run": before.run_id})
        launch = client.launch(spec)
        done = client.wait_for_launch(launch.launch_id, timeout=90, every=0.2)
        assert done.state is LaunchState.SUCCEEDED
        assert client.get_run(str(done.run_id)).metrics == {"rank0": 2.0, "rank1": 2.0}
        session.end()


def test_code_that_fails_says_its_last_words(world: Operated, kubelet: Kubelet) -> None:
    script = "import sys; print('no such file'); sys.exit(3)"
    command = ["python", "-uc", script]
    failed = world.reaches(world.start(_job(kubeflow.ONCE, command=command)), LaunchState.FAILED)
    assert failed.reason == "Crashed"
    assert failed.diagnosis
    assert failed.diagnosis.sentence == "node ended with status 3."
    world.until(
        lambda: any("no such file" in line for line in kept_log(world.db, failed.launch_id))
    )


def test_code_that_fails_again_and_again(world: Operated, kubelet: Kubelet) -> None:
    """Upstream's runtime tries it seven times in the same pod, which is gone afterwards."""
    command = ["python", "-uc", "import sys; sys.exit(3)"]
    failed = world.reaches(world.start(_job(command=command)), LaunchState.FAILED)
    assert not world.pods()
    assert failed.reason in ("CrashLoop", "Crashed")
    assert failed.diagnosis
    assert failed.diagnosis.sentence.startswith("node ended with status 3")
