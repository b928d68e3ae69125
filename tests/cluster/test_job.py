"""Jobs and Deployments, run by Kubernetes' own controllers on nodes that kwok plays."""

from __future__ import annotations

from typing import Any

from podium.registry.launch.state import Phase

from ..registry.launch.samples import IMAGE, minimal
from .control_plane import Cluster
from .launched import HELD, Launched, release
from .processes import wait_for


def _job(cluster: Cluster, namespace: str, **changes: Any) -> Launched:
    return Launched(cluster.admin, namespace, {**minimal("job"), **changes})


class TestJob:
    def test_it_runs_and_succeeds(self, cluster: Cluster, namespace: str) -> None:
        job = _job(cluster, namespace, workers=2, env=HELD)
        assert job.state().phase is Phase.MISSING
        job.apply()
        job.reaches(Phase.RUNNING)
        assert [pod["spec"].get("hostname") for pod in job.pods()] == [
            f"{job.main['metadata']['name']}-{index}" for index in range(2)
        ]
        release(cluster.admin, namespace)
        job.reaches(Phase.SUCCEEDED)
        job.apply()  # as after a crash: what has ended begins no more
        assert job.state().phase is Phase.SUCCEEDED

    def test_it_fails(self, cluster: Cluster, namespace: str) -> None:
        job = _job(
            cluster,
            namespace,
            env={"KWOK_SECONDS": "10ms", "KWOK_EXIT": "137", "KWOK_REASON": "OOMKilled"},
        )
        job.apply()
        assert job.reaches(Phase.FAILED).reason == "BackoffLimitExceeded"
        assert "2Gi" in job.is_diagnosed("OOMKilled").sentence

    def test_it_is_over_its_deadline(self, cluster: Cluster, namespace: str) -> None:
        job = _job(cluster, namespace, deadline=1)
        job.apply()
        assert job.reaches(Phase.FAILED).reason == "DeadlineExceeded"

    def test_it_is_stopped_and_its_pods_go(self, cluster: Cluster, namespace: str) -> None:
        job = _job(cluster, namespace)
        job.apply()
        job.reaches(Phase.RUNNING)
        job.stop()
        job.reaches(Phase.STOPPED)
        wait_for("the pods are gone", lambda: not job.pods())

    def test_an_eviction_uses_up_no_retry(self, cluster: Cluster, namespace: str) -> None:
        job = _job(cluster, namespace, env=HELD)
        job.apply()
        job.reaches(Phase.RUNNING)
        [pod] = job.pods()
        meta = {"name": pod["metadata"]["name"], "namespace": namespace}
        path = cluster.admin.path("v1", "Pod", namespace, meta["name"])
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
        cluster.admin.call("POST", f"{path}/eviction", eviction)

        def replaced() -> bool:
            return [each["metadata"]["uid"] != pod["metadata"]["uid"] for each in job.pods()] == [
                True
            ]

        wait_for("another is there", replaced)
        release(cluster.admin, namespace)
        job.reaches(Phase.SUCCEEDED)

    def test_an_image_that_is_not_there(self, cluster: Cluster, namespace: str) -> None:
        job = _job(cluster, namespace, env={"KWOK_PULL": "ImagePullBackOff"})
        job.apply()
        assert IMAGE in job.is_diagnosed("ImagePull").sentence
        assert job.state().phase is Phase.PENDING

    def test_a_service_account_that_is_not_there(self, cluster: Cluster, namespace: str) -> None:
        job = _job(cluster, namespace, service_account="trainer")
        job.apply()
        assert "trainer" in job.is_diagnosed("MissingServiceAccount").sentence

    def test_a_quota(self, cluster: Cluster, namespace: str) -> None:
        hard = {"requests.nvidia.com/gpu": "1"}
        quota = {"name": "gpus", "namespace": namespace}
        made = cluster.admin.create(
            {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": quota, "spec": {"hard": hard}}
        )
        wait_for(
            "the quota counts", lambda: cluster.admin.again(made).get("status", {}).get("hard")
        )
        job = _job(cluster, namespace, resources={"gpu": {"count": 2}})
        job.apply()
        assert "gpus" in job.is_diagnosed("Quota").sentence


class TestDeployment:
    def test_it_serves_and_the_next_version_takes_its_place(
        self, cluster: Cluster, namespace: str
    ) -> None:
        data = minimal("deployment")
        first = Launched(cluster.admin, namespace, {**data, "scaling": {"min": 2}})
        first.apply()
        first.reaches(Phase.READY)
        name = first.main["metadata"]["name"]
        assert first.endpoint() == f"http://{name}.{namespace}.svc:80"
        slow = {"KWOK_START": "300ms"}
        second = Launched(cluster.admin, namespace, {**data, "scaling": {"min": 2}, "env": slow})
        second.apply()
        assert second.endpoint() == first.endpoint()
        assert second.state().phase is Phase.PENDING
        second.reaches(Phase.READY)
        wait_for("the first has gone", lambda: not first.pods())

    def test_what_the_autoscaler_has_set_stays(self, cluster: Cluster, namespace: str) -> None:
        data = {**minimal("deployment"), "scaling": {"min": 1, "max": 4}}
        launched = Launched(cluster.admin, namespace, data)
        deployment = launched.apply()
        launched.reaches(Phase.READY)
        cluster.admin.patch(deployment, {"spec": {"replicas": 3}}, at="/scale")
        launched.reaches(Phase.PENDING)
        launched.apply()
        launched.reaches(Phase.READY)
        assert cluster.admin.again(deployment)["spec"]["replicas"] == 3

    def test_one_that_never_gets_ready_fails(self, cluster: Cluster, namespace: str) -> None:
        data = {**minimal("deployment"), "env": {"KWOK_START": "never"}}
        launched = Launched(
            cluster.admin,
            namespace,
            {**data, "overlay": {"Deployment": {"spec": {"progressDeadlineSeconds": 1}}}},
        )
        launched.apply()
        assert launched.reaches(Phase.FAILED).reason == "ProgressDeadlineExceeded"

    def test_it_is_stopped(self, cluster: Cluster, namespace: str) -> None:
        data = {**minimal("deployment"), "scaling": {"min": 1, "max": 2}}
        launched = Launched(cluster.admin, namespace, data)
        launched.apply()
        launched.reaches(Phase.READY)
        launched.stop()
        wait_for("all of it is gone", lambda: not launched.objects())
        assert launched.state().phase is Phase.MISSING

    def test_somebody_scales_it_to_nothing(self, cluster: Cluster, namespace: str) -> None:
        launched = Launched(cluster.admin, namespace, minimal("deployment"))
        deployment = launched.apply()
        launched.reaches(Phase.READY)
        cluster.admin.patch(deployment, {"spec": {"replicas": 0}}, at="/scale")
        assert launched.reaches(Phase.STOPPED).reason == "ScaledToZero"
