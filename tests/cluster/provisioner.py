"""A provisioner of volumes for the tests of a cluster: each is a folder of this machine.

As local-path-provisioner does it: a claim waits until the scheduler has chosen a node for a pod
that mounts it. Kubernetes' own controllers bind the two, and say when nobody claims a volume.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .rest import Object, Rest

_NAME = "podium.test/folder"
_CLASS: Object = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "folder",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": _NAME,
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "WaitForFirstConsumer",
}


class Provisioner:
    """Of the node ``node``; the volumes are in ``folder``."""

    def __init__(self, admin: Rest, node: str, folder: Path) -> None:
        self._admin, self._node, self._folder = admin, node, folder
        self._made: set[str] = set()

    def start(self) -> None:
        self._admin.apply(_CLASS)

    def look(self) -> None:
        for claim in self._admin.list("v1", "PersistentVolumeClaim"):
            chosen = (
                claim["metadata"].get("annotations", {}).get("volume.kubernetes.io/selected-node")
            )
            if chosen == self._node and claim["metadata"]["uid"] not in self._made:
                self._make(claim)
                self._made.add(claim["metadata"]["uid"])
        for volume in self._admin.list("v1", "PersistentVolume"):
            path = Path(volume["spec"].get("hostPath", {}).get("path", "/"))
            if volume["status"].get("phase") == "Released" and path.parent == self._folder:
                shutil.rmtree(path)
                self._admin.delete(volume)

    def _make(self, claim: Object) -> None:
        meta, spec = claim["metadata"], claim["spec"]
        name = f"pvc-{meta['uid']}"
        (self._folder / name).mkdir(parents=True, exist_ok=True)
        there = {"key": "kubernetes.io/hostname", "operator": "In", "values": [self._node]}
        self._admin.create(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {
                    "name": name,
                    "annotations": {"pv.kubernetes.io/provisioned-by": _NAME},
                },
                "spec": {
                    "accessModes": spec["accessModes"],
                    "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                    "claimRef": {
                        "apiVersion": "v1",
                        "kind": "PersistentVolumeClaim",
                        **{key: meta[key] for key in ("namespace", "name", "uid")},
                    },
                    "hostPath": {"path": str(self._folder / name)},
                    "nodeAffinity": {
                        "required": {"nodeSelectorTerms": [{"matchExpressions": [there]}]}
                    },
                    "persistentVolumeReclaimPolicy": _CLASS["reclaimPolicy"],
                    "storageClassName": spec["storageClassName"],
                },
            }
        )
