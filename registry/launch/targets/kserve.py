"""KServe: an InferenceService, in Standard mode (Deployments) or Knative (scale to zero).

How a canary is said depends on the mode. Standard names both versions; Knative is given the one on
trial and keeps what was rolled out before on the rest of the requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import pod, state
from ..fields import Choice, Schema, name_of
from ..names import Manifest, metadata, owner_labels
from ..spec import Canary, LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State


class Options(Schema):
    mode = Choice(
        ("Standard", "Knative"),
        load_default="Standard",
        about="Standard makes Deployments; Knative can go to zero. It cannot be changed later.",
    )
    protocol = Choice(
        ("v1", "v2"), load_default="v2", about="The inference protocol: v2 is the open one."
    )
    runtime = name_of("a serving runtime", about="A serving runtime, instead of KServe's choice.")


SUMMARY = "KServe: an InferenceService, Standard or Knative, with canary and scale to zero"
PURPOSES = frozenset({Purpose.SERVE})
TAKES = frozenset(
    {"args", "env", "secrets", "resources", "storage", "service_account", "priority", "scaling"}
    | {"canary", "serving", "monitoring", "options"}
)
NEEDS = frozenset({"storage"})
OPTIONS = Options
EXAMPLE = {
    "args": [],
    "env": {"MLSERVER_PARALLEL_WORKERS": "1"},
    "secrets": [],
    "service_account": "s3-reader",
    "serving": {"format": "mlflow"},
    "options": {"mode": "Standard", "protocol": "v2", "runtime": "kserve-mlserver"},
    "monitoring": {"path": "/metrics", "port": 8080},
}

_STOP = "serving.kserve.io/stop"
_FAILED = ("BlockedByFailedLoad", "InvalidSpec")


def faults(spec: LaunchSpec) -> Iterator[str]:
    knative = spec.options["mode"] == "Knative"
    if spec.scaling.min == 0 and not knative:
        yield "scaling.min: must be 1 or more in Standard mode; options.mode: Knative goes to zero"
    if spec.canary and not knative and not (spec.source.version and spec.canary.version):
        yield (
            "canary.version: is missing; KServe tells two versions apart by name, "
            "so give source.version and canary.version"
        )
    if spec.canary and spec.canary.version and spec.canary.version == spec.source.version:
        yield "canary.version: must differ from source.version"


def manifests(spec: LaunchSpec) -> list[Manifest]:
    mode = spec.options["mode"]
    meta = metadata(spec)
    meta["annotations"] = {
        **meta.get("annotations", {}),
        # The chart and the code of KServe have different defaults, so neither is relied on.
        "serving.kserve.io/deploymentMode": mode,
        # The version before may have been told to stop. What only the patch of a stop had set,
        # no later apply would take away.
        _STOP: "false",
    }
    made = _knative(spec) if mode == "Knative" else _standard(spec)
    return [
        {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": meta,
            "spec": made,
        }
    ]


def status(objects: Objects) -> State:
    found = state.find(objects, "InferenceService")
    if found is None:
        return state.MISSING
    if state.outdated(found):
        return State(Phase.PENDING)
    settled = _stopped(found) or _model(found)
    return settled or state.decided(found, {"Ready": Phase.READY}) or _not_yet(found)


def endpoint(objects: Objects) -> str | None:
    found = state.find(objects, "InferenceService")
    seen = state.status_of(found) if found else {}
    return seen.get("url") or (seen.get("address") or {}).get("url")


def stop(objects: Objects) -> list[Action]:
    body = {"metadata": {"annotations": {_STOP: "true"}}}
    return state.patch(objects, "InferenceService", body)


def _stopped(found: Mapping[str, Any]) -> State | None:
    """Where it is to be: it may say so of the version before."""
    told = (found["metadata"].get("annotations") or {}).get(_STOP) == "true"
    return state.decided(found, {"Stopped": Phase.STOPPED}) if told else None


def _model(found: Mapping[str, Any]) -> State | None:
    """A model that cannot be loaded, which no condition says."""
    model = state.status_of(found).get("modelStatus") or {}
    if model.get("transitionStatus") not in _FAILED:
        return None
    failure = model.get("lastFailureInfo") or {}
    reason = failure.get("reason") or model["transitionStatus"]
    return State(Phase.FAILED, reason, failure.get("message") or "")


def _not_yet(found: Mapping[str, Any]) -> State:
    for kind in ("PredictorReady", "IngressReady", "Ready"):
        why = state.condition(found, kind)
        if why.get("status") == "False":
            return state.said(Phase.PENDING, why)
    return State(Phase.PENDING)


def _standard(spec: LaunchSpec) -> Manifest:
    predictor = _predictor(spec) | _replicas(spec)
    if spec.scaling.most > spec.scaling.min:
        predictor |= {"scaleMetric": "cpu", "scaleTarget": spec.scaling.cpu}
    if spec.source.version:
        predictor["name"] = f"v{spec.source.version}"
    made: Manifest = {"predictor": predictor}
    if spec.canary:
        # One replica, fixed: KServe refuses a canary that scales.
        trial = _predictor(spec, spec.canary) | {"minReplicas": 1}
        trial["name"] = f"v{spec.canary.version}"
        trial["model"]["name"] = "kserve-container"  # required here, and refused above
        made["canary"] = [{"trafficPercent": spec.canary.percent, "predictor": trial}]
    return made


def _knative(spec: LaunchSpec) -> Manifest:
    predictor = _predictor(spec, spec.canary) | _replicas(spec)
    if spec.canary:
        predictor["canaryTrafficPercent"] = spec.canary.percent
    return {"predictor": predictor}


def _replicas(spec: LaunchSpec) -> Manifest:
    return {"minReplicas": spec.scaling.min, "maxReplicas": spec.scaling.most}


def _predictor(spec: LaunchSpec, canary: Canary | None = None) -> dict[str, Any]:
    model: dict[str, Any] = {
        "modelFormat": {"name": spec.serving.format},
        "protocolVersion": spec.options["protocol"],
        "storageUri": canary.storage if canary else spec.storage,
        "runtime": spec.options.get("runtime"),
        "args": list(spec.args) or None,
        "env": pod.users_env(spec) or None,
        "envFrom": pod.env_from(spec) or None,
        "resources": pod.resources(spec),
        "securityContext": pod.container_security(),
    }
    predictor: dict[str, Any] = {
        "labels": owner_labels(spec, version=canary.version if canary else None),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod.pod_security(spec),
        **pod.placement(spec),
        "model": {name: value for name, value in model.items() if value is not None},
    }
    if spec.monitoring:
        predictor["annotations"] = {"serving.kserve.io/enable-prometheus-scraping": "true"}
    return predictor
