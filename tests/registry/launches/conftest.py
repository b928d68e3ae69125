"""A team with a model, an API server, and the worker's part in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from podium.client.launches import Launch
from podium.registry import promotion, registered, versions
from podium.registry.launch.site import Site
from podium.registry.launches import on_promotion, rules, start
from podium.registry.launches.read import get_launch, list_launches
from podium.registry.launches.reconcile import Reconciler
from podium.registry.launches.sites import read_site
from podium.registry.promotion import hooks
from podium.registry.read import find_version
from podium.tracker import runs
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database

from ..launch.apiserver import ApiServer, Object
from ..launch.samples import IMAGE

TRAIN: dict[str, Any] = {"target": "job", "purpose": "train", "image": IMAGE}
EVALUATE: dict[str, Any] = {"target": "job", "purpose": "evaluate", "image": IMAGE}
SERVE: dict[str, Any] = {"target": "deployment", "purpose": "serve", "image": IMAGE}
NOW = 1_800_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


class World:
    """What a test does and sees."""

    def __init__(
        self, db: Database, store: ArtifactStore, server: ApiServer, site: Path, artifacts: str
    ) -> None:
        self.db, self.store, self.server = db, store, server
        self.path, self.artifacts = site, artifacts
        self.clock = Clock()
        self.worker = self.new_worker()
        registered.create_model(db, name="churn")

    @property
    def site(self) -> Site:
        return read_site(self.path)

    def new_worker(self, **more: Any) -> Reconciler:
        options = {"clock": self.clock, "watches": False, **more}
        return Reconciler(self.db, self.store, site=self.path, artifacts=self.artifacts, **options)

    def version(self, *, read: bool = True) -> int:
        """One whose files are ``read`` as by a worker, or are yet to be."""
        run = runs.create_run(self.db, experiment_id="0")
        source = f"runs:/{run.run_id}/model"
        version = versions.create_version(self.db, name="churn", source=source).version
        if read:
            self.read(version)
        return version

    def read(self, version: int) -> None:
        with self.db.writing() as session:
            find_version(session, "churn", version).digest = f"{version:064x}"

    def promote(self, version: int, stage: str) -> None:
        promotion.promote(self.db, name="churn", version=version, stage=stage)

    def rule(self, stage: str, spec: Mapping[str, Any], model: str = "churn") -> None:
        rules.set_rule(self.db, self.site, model, stage, spec)

    def start(self, spec: Mapping[str, Any], **more: Any) -> Launch:
        said = {"source": {"model": "churn", "version": 1, "stage": "Staging"}, **spec, **more}
        return start.start(self.db, self.site, said, artifacts=self.artifacts)

    def work(self, worker: Reconciler | None = None) -> None:
        """A turn in which everything is looked at."""
        one = worker or self.worker
        for charge in one._charges.values():
            charge._quiet_until = 0
            if charge._view is not None:
                charge._view.look_again()
        one.look_after("main")

    def launches(self) -> list[Launch]:
        """The first one first."""
        return list(reversed(list_launches(self.db).items))

    def launch(self, launch: Launch) -> Launch:
        return get_launch(self.db, launch.launch_id)

    def pod(self, of: Object, name: str = "pod", **status: Any) -> Object:
        """A pod of an object, as its controller makes it."""
        template = of["spec"]["template"]
        return self.server.put(
            "pods",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "namespace": of["metadata"]["namespace"],
                    "labels": dict(template["metadata"]["labels"]),
                },
                "spec": template["spec"],
                "status": status,
            },
        )


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    """What differs between databases is locks: test_concurrency.py has both."""
    database = Database(sqlite_url, pool_size=8)
    yield database
    database.close()


@pytest.fixture
def apiserver() -> Iterator[ApiServer]:
    with ApiServer().running() as server:
        yield server


@pytest.fixture
def site(apiserver: ApiServer, tmp_path: Path) -> Path:
    path = tmp_path / "site.json"
    main = {"kubeconfig": apiserver.kubeconfig(tmp_path), "namespace": "team"}
    prices = {"currency": "EUR", "gpu": 3.6, "cpu": 0.36}
    said = {"clusters": {"main": main}, "namespaces": ["team"], "prices": prices}
    said["tracking"] = {"uri": "http://podium.podium.svc", "secret": "podium-token"}
    path.write_text(json.dumps(said))
    return path


@pytest.fixture
def world(
    db: Database,
    store: ArtifactStore,
    apiserver: ApiServer,
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    monkeypatch.setattr(hooks, "HOOKS", [on_promotion.launch])
    return World(db, store, apiserver, site, "s3://bucket/podium")


def ready(found: Object, replicas: int = 1) -> dict[str, Any]:
    """A Deployment's status when it serves."""
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas)
    return {"observedGeneration": found["metadata"]["generation"], **counts}


def condition(kind: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": "True", "reason": reason, "message": message}
