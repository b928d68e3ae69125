"""Podium's worker before a real API server: applied, watched, read back, stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from podium.client.launches import Launch, LaunchState
from podium.registry.launch.cluster import Cluster as Door
from podium.registry.launch.kinds import Kind
from podium.registry.launch.site import Connection
from podium.registry.launches import start
from podium.registry.launches.dry_run import dry_run
from podium.registry.launches.read import get_launch
from podium.registry.launches.reconcile import Reconciler
from podium.registry.launches.sites import read_site
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database

from ..registry.launch.samples import IMAGE
from .control_plane import Cluster
from .processes import wait_for

JOB: dict[str, Any] = {"target": "job", "purpose": "train", "name": "churn", "image": IMAGE}


class Worker:
    """The worker, and what it works on."""

    def __init__(self, db: Database, store: ArtifactStore, site: Path) -> None:
        self.db, self.site = db, site
        self.reconciler = Reconciler(db, store, site=site, artifacts="s3://bucket/podium")

    def start(self, **spec: Any) -> Launch:
        return start.start(self.db, read_site(self.site), spec, artifacts="")

    def until(self, launch: Launch, *states: LaunchState) -> Launch:
        """Work as the worker does, until the launch stands so."""

        def stands() -> Launch | None:
            self.reconciler.turn()
            found = get_launch(self.db, launch.launch_id)
            return found if found.state in states else None

        return wait_for(f"the launch to be {' or '.join(states)}", stands)


@pytest.fixture
def worker(
    cluster: Cluster, namespace: str, sqlite_url: str, store: ArtifactStore, tmp_path: Path
) -> Iterator[Worker]:
    site = tmp_path / "site.json"
    main = {"kubeconfig": str(cluster.kubeconfig), "namespace": namespace}
    site.write_text(json.dumps({"clusters": {"main": main}}))
    db = Database(sqlite_url, pool_size=8)
    made = Worker(db, store, site)
    yield made
    made.reconciler.finish()
    db.close()


def test_a_job_runs_to_its_end(worker: Worker, cluster: Cluster, namespace: str) -> None:
    launch = worker.start(**JOB, workers=2, env={"KWOK_SECONDS": "1s"})
    done = worker.until(launch, LaunchState.SUCCEEDED, LaunchState.FAILED)
    assert done.state is LaunchState.SUCCEEDED, done
    [job] = cluster.admin.list("batch/v1", "Job", namespace)
    assert job["metadata"]["name"] == done.objects[-1].name
    [service] = [
        each
        for each in cluster.admin.list("v1", "Service", namespace)
        if each["metadata"]["name"] == job["metadata"]["name"]
    ]
    [owner] = service["metadata"]["ownerReferences"]
    assert owner["uid"] == job["metadata"]["uid"]


def test_what_the_server_refuses_is_said(worker: Worker, cluster: Cluster) -> None:
    tried = dry_run(worker.db, read_site(worker.site), JOB, artifacts="")
    assert tried.accepted, tried.verdicts
    nowhere = worker.site.read_text().replace('"namespace": "', '"namespace": "no-')
    worker.site.write_text(nowhere)
    tried = dry_run(worker.db, read_site(worker.site), JOB, artifacts="")
    [verdict] = tried.verdicts
    assert verdict.refused is not None
    assert verdict.refused.code == "MissingNamespace"
    failed = worker.until(worker.start(**JOB), LaunchState.FAILED)
    assert failed.reason == "MissingNamespace"


def test_which_kinds_there_are(cluster: Cluster) -> None:
    door = Door("test", Connection(kubeconfig=str(cluster.kubeconfig)))
    assert door.has(Kind("v1", "Pod"))
    assert door.has(Kind("batch/v1", "Job"))
    assert not door.has(Kind("batch/v1", "PodMonitor"))
    assert not door.has(Kind("nobody.example.com/v1", "PodMonitor"))


def test_stopping_a_service_leaves_nothing(
    worker: Worker, cluster: Cluster, namespace: str
) -> None:
    spec = {**JOB, "target": "deployment", "purpose": "serve", "scaling": {"min": 1, "max": 3}}
    launch = worker.start(**spec)
    worker.until(launch, LaunchState.READY)
    start.stop(worker.db, launch.launch_id)
    worker.until(launch, LaunchState.STOPPED)
    kinds: Callable[[], list[Any]] = lambda: [  # noqa: E731
        *cluster.admin.list("apps/v1", "Deployment", namespace),
        *cluster.admin.list("autoscaling/v2", "HorizontalPodAutoscaler", namespace),
    ]
    wait_for("its objects to go", lambda: not kinds())
