"""Nodes that kwok plays, labelled as the GPU operator's feature discovery labels real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import processes
from .rest import Rest

_NEW = "node.kubernetes.io/not-ready"
_TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
_PLAIN = {"cpu": "64", "memory": "256Gi", "pods": "1000"}

# By name: what they have beside CPU and memory, and the labels of gpu-feature-discovery.
GPU_NODES: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "h100-0": (
        {"nvidia.com/gpu": "8"},
        {"gpu.product": "NVIDIA-H100-80GB-HBM3", "gpu.count": "8", "gpu.memory": "81559"},
    ),
    "mig-0": (
        {"nvidia.com/mig-1g.10gb": "7", "nvidia.com/mig-3g.40gb": "2"},
        {"gpu.product": "NVIDIA-H100-80GB-HBM3", "mig.capable": "true", "mig.strategy": "mixed"},
    ),
    "mig-single-0": (
        {"nvidia.com/gpu": "7"},
        {"gpu.product": "A100-SXM4-40GB-MIG-1g.5gb", "mig.strategy": "single"},
    ),
    "shared-0": (
        {"nvidia.com/gpu.shared": "4"},
        {"gpu.product": "Tesla-T4", "gpu.sharing-strategy": "time-slicing", "gpu.replicas": "4"},
    ),
    "mps-0": (
        {"nvidia.com/gpu": "4"},
        {"gpu.product": "Tesla-T4-SHARED", "gpu.sharing-strategy": "mps", "gpu.replicas": "4"},
    ),
}


def create(admin: Rest, kubelet: int) -> None:
    """The nodes with GPUs, which are tainted, and two without; back when pods may go there.

    ``kubelet`` is the port where their kubelet answers.
    """
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet}},
    }
    for name, (has, labels) in GPU_NODES.items():
        said = {f"nvidia.com/{key}": value for key, value in labels.items()}
        create_node(
            admin,
            name,
            has=has,
            labels={"type": "kwok", "nvidia.com/gpu.present": "true"} | said,
            taint=_TAINT,
            status=status,
        )
    for name in ("plain-0", "plain-1"):
        create_node(admin, name, labels={"type": "kwok"}, status=status)
    for name in (*GPU_NODES, "plain-0", "plain-1"):
        wait_until_open(admin, name)


def create_node(
    admin: Rest,
    name: str,
    *,
    has: Mapping[str, str] | None = None,
    labels: Mapping[str, str],
    taint: Mapping[str, str] | None = None,
    status: Mapping[str, Any] | None = None,
) -> None:
    made = admin.create(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
            "spec": {"taints": [taint] if taint else []},
        }
    )
    room = {**_PLAIN, **(has or {})}
    admin.set_status(made, {"capacity": room, "allocatable": room, **(status or {})})


def wait_until_open(admin: Rest, name: str) -> None:
    """Until the controller has taken away the taint that a new node gets."""

    def is_open() -> bool:
        found = admin.get("v1", "Node", None, name)
        taints = {each["key"] for each in found["spec"].get("taints", ())} if found else {_NEW}
        return _NEW not in taints

    processes.wait_for(f"node {name} takes pods", is_open)
