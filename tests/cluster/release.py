"""A release of the chart on the test cluster, as a helm makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..services.helm import Helm
from .control_plane import Cluster
from .seen import seen


@dataclass
class Release:
    """A release named podium in a namespace of its own."""

    helm: Helm
    cluster: Cluster
    namespace: str
    values: Path
    database: str = ""
    """The URL of its database, where that is not one of the release."""

    def run(self, *arguments: str) -> str:
        status, said = self.try_to(*arguments)
        assert status == 0, f"{said}\n{seen(self.cluster.admin, self.namespace)}"
        return said

    def try_to(self, *arguments: str) -> tuple[int, str]:
        done = self.helm.run(
            *(*arguments, "--namespace", self.namespace),
            environ={"KUBECONFIG": str(self.cluster.kubeconfig)},
        )
        return done.returncode, done.stdout + done.stderr

    def pods(self, component: str) -> list[dict[str, Any]]:
        labels = f"app.kubernetes.io/component={component}"
        found = self.cluster.admin.list("v1", "Pod", self.namespace, labels=labels)
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def images(self, component: str) -> set[str]:
        pods = self.pods(component)
        return {each["image"] for pod in pods for each in pod["spec"]["containers"]}

    def secret(self, name: str, **data: str) -> None:
        meta = {"name": name, "namespace": self.namespace}
        made = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}
        self.cluster.admin.create(made)
