"""A kubelet for tests: the pods of its node are processes of this machine.

It does what Podium's launches and its chart rely on: init containers one after another, commands
with their environment (values, Secrets, the pod's own fields), restarts, probes, the status of pod
and containers, and logs over HTTPS that the API server passes on. An image is a :class:`Image`:
where its programs are. A volume is a folder with what its ConfigMap or Secret holds, or the
account's token, put in wherever a command or variable names its place; one that is claimed is a
folder that outlives the pod (``provisioner``). Each pod has an address of its own, of loopback.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import urllib3

from ..services import loopback
from . import nodes
from .containers import Container
from .kubelet_logs import LogServer
from .pods import Image, Pod, condition
from .provisioner import Provisioner
from .rest import Object, Refused, Rest

_POLL_SECONDS = 0.1
_LEASE_SECONDS = 10
LABEL = {"type": "local"}
TAINT = {"key": "podium.test/local", "effect": "NoSchedule"}


class Kubelet:
    """Plays the node ``name`` from :meth:`start` to :meth:`stop`."""

    def __init__(self, admin: Rest, name: str, images: Mapping[str, Image], folder: Path) -> None:
        self.admin, self.name, self.images, self.folder = admin, name, images, folder
        self._provisioner = Provisioner(admin, name, folder / "claimed")
        self._loopback = loopback()
        self._pods: dict[str, Pod] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kubelet {name}")
        self._logs = LogServer(folder, self._container)

    def start(self) -> None:
        self._logs.start()
        self._provisioner.start()
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.port}},
            "conditions": [condition("Ready", "True", "KubeletReady")],
        }
        nodes.create_node(self.admin, self.name, labels=LABEL, taint=TAINT, status=status)
        self._thread.start()
        nodes.wait_until_open(self.admin, self.name)

    def stop(self) -> None:
        """End every process; the node stays, and is soon found to be lost."""
        self._stopped.set()
        self._thread.join()
        for pod in self._pods.values():
            pod.end()
        for pod in self._pods.values():
            pod.thread.join()
        self._logs.stop()

    def address(self, service: Object) -> str | None:
        """Of a ready pod behind a Service: ``host:port``, as kube-proxy would choose one."""
        selector = ",".join(f"{key}={value}" for key, value in service["spec"]["selector"].items())
        space, port = service["metadata"]["namespace"], service["spec"]["ports"][0]["targetPort"]
        for pod in self.admin.list("v1", "Pod", space, labels=selector):
            conditions = pod.get("status", {}).get("conditions", ())
            ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
            if ready and not pod["metadata"].get("deletionTimestamp"):
                return f"{pod['status']['podIP']}:{port_of(pod, port)}"
        return None

    def _run(self) -> None:
        renewed = 0.0
        while not self._stopped.wait(_POLL_SECONDS):
            # The API server may be away: a kubelet keeps its pods running meanwhile.
            with suppress(Refused, urllib3.exceptions.HTTPError):
                if time.monotonic() - renewed > _LEASE_SECONDS:
                    self._renew_lease()
                    renewed = time.monotonic()
                self._provisioner.look()
                self._look()

    def _look(self) -> None:
        path = f"/api/v1/pods?fieldSelector=spec.nodeName={self.name}"
        for found in self.admin.call("GET", path)["items"]:
            uid = found["metadata"]["uid"]
            if uid not in self._pods:
                number = len(self._pods)
                ip = f"{self._loopback}.{1 + number // 250}.{1 + number % 250}"
                self._pods[uid] = Pod(self.admin, self.images, self.folder, found, ip=ip)
            if found["metadata"].get("deletionTimestamp"):
                self._pods[uid].end()

    def _renew_lease(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": now}
        meta = {"name": self.name, "namespace": "kube-node-lease"}
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
        self.admin.apply({**lease, "metadata": meta, "spec": spec})

    def _container(self, namespace: str, pod: str, name: str) -> Container | None:
        # A StatefulSet's pods have the names of those before them: the last one is meant.
        for each in reversed(self._pods.values()):
            meta = each.found["metadata"]
            if (meta["namespace"], meta["name"]) == (namespace, pod):
                return each.containers.get(name)
        return None


def port_of(pod: Object, port: str | int) -> int:
    """A port of a pod, which may be named."""
    named = {
        each.get("name"): each["containerPort"]
        for container in pod["spec"]["containers"]
        for each in container.get("ports", ())
    }
    return int(named.get(port, port))
