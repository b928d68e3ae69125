"""Seldon Core v1: a SeldonDeployment with a prepackaged server, and a canary beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import pod, state
from ..fields import Schema
from ..names import Manifest, metadata, owner_labels
from ..spec import Canary, LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State

SUMMARY = "Seldon Core v1: a SeldonDeployment with a prepackaged server, with canary"
PURPOSES = frozenset({Purpose.SERVE})
TAKES = frozenset(
    {"env", "secrets", "resources", "storage", "service_account", "priority", "scaling"}
    | {"canary", "serving"}
)
NEEDS = frozenset({"storage"})
OPTIONS = Schema
EXAMPLE = {
    "env": {"MLSERVER_PARALLEL_WORKERS": "1"},
    "secrets": ["seldon-rclone-s3"],
    "serving": {"format": "mlflow"},
}

_SERVERS = {
    "mlflow": "MLFLOW_SERVER",
    "sklearn": "SKLEARN_SERVER",
    "xgboost": "XGBOOST_SERVER",
    "tensorflow": "TENSORFLOW_SERVER",
    "huggingface": "HUGGINGFACE_SERVER",
    "triton": "TRITON_SERVER",
    "onnx": "TRITON_SERVER",
}
_MODEL = "model"
_PHASES = {"Available": Phase.READY, "Failed": Phase.FAILED}


def faults(spec: LaunchSpec) -> Iterator[str]:
    if spec.serving.format not in _SERVERS:
        yield f"serving.format: must be one of {', '.join(_SERVERS)}, which Seldon has servers for"
    if spec.scaling.min == 0:
        yield "scaling.min: must be 1 or more on the target seldon; kserve can go to 0"
    if len([each for each in spec.secrets if not each.keys]) > 1:
        yield "secrets: must be one whole Secret, with rclone's settings; name keys of the others"


def manifests(spec: LaunchSpec) -> list[Manifest]:
    percent = spec.canary.percent if spec.canary else 0
    predictors = [_predictor(spec, None, 100 - percent)]
    if spec.canary:
        predictors.append(_predictor(spec, spec.canary, percent))
    return [
        {
            "apiVersion": "machinelearning.seldon.io/v1",
            "kind": "SeldonDeployment",
            "metadata": metadata(spec),
            "spec": {"protocol": "v2", "predictors": predictors},
        }
    ]


def status(objects: Objects) -> State:
    found = state.find(objects, "SeldonDeployment")
    if found is None:
        return state.MISSING
    if state.outdated(found):
        return State(Phase.PENDING)
    seen = state.status_of(found)
    given = seen.get("state") or ""
    phase = _PHASES.get(given, Phase.PENDING)
    return State(phase, "" if phase is Phase.READY else given, seen.get("description") or "")


def endpoint(objects: Objects) -> str | None:
    found = state.find(objects, "SeldonDeployment")
    return (state.status_of(found).get("address") or {}).get("url") if found else None


def stop(objects: Objects) -> list[Action]:
    return state.delete(objects, "SeldonDeployment")


def _predictor(spec: LaunchSpec, canary: Canary | None, traffic: int) -> Manifest:
    graph: dict[str, Any] = {
        "name": _MODEL,
        "implementation": _SERVERS[spec.serving.format],
        "modelUri": canary.storage if canary else spec.storage,
        "serviceAccountName": spec.service_account,
        "envSecretRefName": next((each.name for each in spec.secrets if not each.keys), None),
    }
    labels = owner_labels(spec, version=canary.version if canary else None)
    scales = not canary and spec.scaling.most > spec.scaling.min
    component: Manifest = {"metadata": {"labels": labels}, "spec": _pod(spec)}
    if scales:
        component["hpaSpec"] = _autoscaler(spec)
    made: Manifest = {
        "name": "canary" if canary else "main",
        "traffic": traffic,
        "labels": labels,
        "graph": {field: value for field, value in graph.items() if value},
        "componentSpecs": [component],
    }
    if not scales:
        made["replicas"] = 1 if canary else spec.scaling.min
    return made


def _pod(spec: LaunchSpec) -> Manifest:
    """What is added to the pod that Seldon makes; the container is known by the graph's name."""
    container = {
        "name": _MODEL,
        "env": pod.users_env(spec),
        "resources": pod.resources(spec),
        "securityContext": pod.container_security(),
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod.pod_security(spec),
        **pod.placement(spec),
        "containers": [{field: value for field, value in container.items() if value}],
    }


def _autoscaler(spec: LaunchSpec) -> Manifest:
    target = {"type": "Utilization", "averageUtilization": spec.scaling.cpu}
    return {
        "minReplicas": spec.scaling.min,
        "maxReplicas": spec.scaling.most,
        "metricsv2": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
