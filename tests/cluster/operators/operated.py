"""Podium's worker over a cluster where operators make more of a launch's object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from podium.client.launches import DryRun, Launch, LaunchDiagnosis
from podium.registry.launches.dry_run import dry_run
from podium.registry.launches.sites import read_site

from ..processes import wait_for
from ..rest import Object
from ..world import World

# What is counted as left of a launch, besides its pods.
TRAINER = (
    ("trainer.kubeflow.org/v1alpha1", "TrainJob"),
    ("jobset.x-k8s.io/v1alpha2", "JobSet"),
    ("batch/v1", "Job"),
)
PYTORCH = (("kubeflow.org/v1", "PyTorchJob"), ("v1", "Service"))


class Operated(World):
    def pods(self) -> Sequence[Object]:
        return self.cluster.admin.list("v1", "Pod", self.namespace)

    def left(self, kinds: Sequence[tuple[str, str]]) -> list[str]:
        """What there is of those kinds and of pods, by kind."""
        admin = self.cluster.admin
        return [
            kind
            for version, kind in (*kinds, ("v1", "Pod"))
            for _ in admin.list(version, kind, self.namespace)
        ]

    def main(self, launch: Launch) -> Object:
        return self.objects(launch)[-1]

    def tried(self, spec: Mapping[str, Any]) -> DryRun:
        said = {**spec, "source": {"model": "churn", "version": 1, "stage": "Staging"}}
        return dry_run(self.db, read_site(self.path), said, artifacts="s3://bucket/podium")

    def is_diagnosed(self, launch: Launch, code: str) -> LaunchDiagnosis:
        def found() -> LaunchDiagnosis | None:
            said = self.now(launch).diagnosis
            return said if said and said.code == code else None

        self.until(found)
        said = found()
        assert said
        return said

    def limit(self, what: str, most: int) -> None:
        """A quota ``limited``, of something as quotas name it."""
        spec = {"hard": {what: str(most)}}
        meta = {"name": "limited", "namespace": self.namespace}
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": spec}
        made = self.cluster.admin.create(quota)
        wait_for(
            "the quota counts",
            lambda: self.cluster.admin.again(made).get("status", {}).get("hard"),
        )

    def site_says(self, **more: Any) -> None:
        site = json.loads(self.path.read_text())
        self.path.write_text(json.dumps({**site, **more}))


def environ(pod: Object) -> dict[str, str]:
    [container] = pod["spec"]["containers"]
    return {each["name"]: each.get("value", "") for each in container["env"]}
