"""Monitors in a cluster without Prometheus Operator: a launch goes on without being read."""

from __future__ import annotations

from ..launch.cluster import Cluster
from ..launch.kinds import kind_of
from ..launch.monitor import is_monitor
from ..launch.names import Manifest

NO_MONITOR = "NoMonitor"


def without_unknown(
    cluster: Cluster, manifests: tuple[Manifest, ...]
) -> tuple[list[Manifest], list[str]]:
    """What is to be made, and a sentence for each monitor that cannot be."""
    unknown = [each for each in manifests if is_monitor(each) and not cluster.has(kind_of(each))]
    told = [
        f"The cluster knows no {each['kind']}, so Prometheus does not read what is launched: "
        "Prometheus Operator is not installed."
        for each in unknown
    ]
    return [each for each in manifests if each not in unknown], told
