"""Podium's worker over the cluster, as its own service account with the Role that is printed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.client.launches import Launch, LaunchState
from podium.registry import registered, versions
from podium.registry.launch import rbac
from podium.registry.launches import start
from podium.registry.launches.read import get_launch
from podium.registry.launches.reconcile import Reconciler
from podium.registry.launches.sites import read_site
from podium.registry.read import find_version
from podium.tracker import runs
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database

from .control_plane import Cluster
from .rest import Object
from .seen import seen

ACCOUNT = "podium"


class World:
    """``namespace`` is where launches go, and where the account is."""

    def __init__(
        self, db: Database, store: ArtifactStore, cluster: Cluster, namespace: str, folder: Path
    ) -> None:
        self.db, self.store, self.cluster, self.namespace = db, store, cluster, namespace
        self.path = folder / "site.json"
        write_site(self.path, cluster, namespace, folder)
        registered.create_model(db, name="churn")
        run = runs.create_run(db, experiment_id="0")
        source = f"runs:/{run.run_id}/model"
        versions.create_version(db, name="churn", source=source)
        with db.writing() as session:  # its files are read, as by a worker
            find_version(session, "churn", 1).digest = f"{1:064x}"
        self.worker = self.new_worker()

    def new_worker(self, **more: Any) -> Reconciler:
        return Reconciler(
            self.db, self.store, site=self.path, artifacts="s3://bucket/podium", **more
        )

    def start(self, spec: Mapping[str, Any]) -> Launch:
        source = {"model": "churn", "version": 1, "stage": "Staging"}
        said = {"source": source, **spec}
        return start.start(self.db, read_site(self.path), said, artifacts="s3://bucket/podium")

    def stop(self, launch: Launch) -> None:
        start.stop(self.db, launch.launch_id)

    def now(self, launch: Launch) -> Launch:
        return get_launch(self.db, launch.launch_id)

    def until(self, holds: Callable[[], object], seconds: float = 90) -> None:
        """Turns of the worker, as it takes them, until something is so."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                there = seen(self.cluster.admin, self.namespace)
                raise AssertionError(f"not within {seconds:g} s, {there}")
            self.worker.look_after("main")
            time.sleep(0.05)

    def reaches(self, launch: Launch, state: LaunchState, seconds: float = 90) -> Launch:
        try:
            self.until(lambda: self.now(launch).state is state, seconds)
        except AssertionError as late:
            raise AssertionError(f"{state} {late}, but {self.now(launch)}") from None
        return self.now(launch)

    def objects(self, launch: Launch) -> list[Object]:
        """Those of it that are there, the main one last."""
        found = [
            self.cluster.admin.get(each.api_version, each.kind, self.namespace, each.name)
            for each in self.now(launch).objects
        ]
        return [each for each in found if each]


def write_site(path: Path, cluster: Cluster, namespace: str, folder: Path, **more: Any) -> None:
    """Of an administrator: one cluster, spoken to as the service account of the namespace."""
    made = account(cluster, namespace)
    kubeconfig = cluster.kubeconfig_of(made, folder / "kubeconfig")
    main = {"kubeconfig": str(kubeconfig), "namespace": namespace}
    site = {"clusters": {"main": main}, "namespaces": [namespace], "service_accounts": ["*"]}
    path.write_text(json.dumps({**site, **more}))


def account(
    cluster: Cluster, namespace: str, name: str = ACCOUNT, rules: Sequence[Object] | None = None
) -> str:
    """The token of a service account with a Role in its namespace: that of launches, or others."""
    meta = {"name": name, "namespace": namespace}
    cluster.admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    role, binding = rbac.manifests(namespace, name)
    if rules is not None:
        role = {**role, "metadata": meta, "rules": rules}
        binding = {**binding, "metadata": meta, "roleRef": {**binding["roleRef"], "name": name}}
    cluster.admin.create(role)
    cluster.admin.create(binding)
    path = cluster.admin.path("v1", "ServiceAccount", namespace, name)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(cluster.admin.call("POST", f"{path}/token", request)["status"]["token"])
