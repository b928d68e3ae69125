"""What Prometheus Operator needs to read the metrics of a launch. Only where a spec asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .names import INSTANCE, Manifest, metadata, object_name
from .spec import LaunchSpec

_API = "monitoring.coreos.com/v1"


def is_monitor(manifest: Mapping[str, Any]) -> bool:
    return manifest.get("apiVersion") == _API


def pod_monitor(spec: LaunchSpec) -> list[Manifest]:
    return _monitor(spec, "PodMonitor", "podMetricsEndpoints", "metrics")


def service_monitor(spec: LaunchSpec, port: str) -> list[Manifest]:
    """``port`` is the name the Service gives it."""
    return _monitor(spec, "ServiceMonitor", "endpoints", port)


def _monitor(spec: LaunchSpec, kind: str, endpoints: str, port: str) -> list[Manifest]:
    asked = spec.monitoring
    if asked is None:
        return []
    return [
        {
            "apiVersion": _API,
            "kind": kind,
            "metadata": metadata(spec, labels=spec.site.monitor_labels),
            "spec": {
                "selector": {"matchLabels": {INSTANCE: object_name(spec)}},
                endpoints: [{"port": port, "path": asked.path, "interval": asked.interval}],
            },
        }
    ]
