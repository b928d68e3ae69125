"""Seldon Core v2: a Model on a shared Server, and an Experiment where there is a canary.

The Server has the pods and the GPUs; a Model only says what it needs of one. A Model keeps its name
from version to version, so clients ask for the same one, and Seldon rolls its versions over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import state
from ..fields import Items, Schema, Text, name_of
from ..names import Manifest, metadata, object_name
from ..spec import Canary, LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State


class Options(Schema):
    server = name_of("a Seldon Server", about="The Server it runs on, instead of Seldon's choice.")
    requirements = Items(Text(limit=63), about="What else the Server must be able to do.")


SUMMARY = "Seldon Core v2: a Model on a shared Server, with canary"
PURPOSES = frozenset({Purpose.SERVE})
TAKES = frozenset({"secrets", "resources", "storage", "scaling", "canary", "serving", "options"})
NEEDS = frozenset({"storage"})
OPTIONS = Options
EXAMPLE = {
    "secrets": ["seldon-rclone-s3"],
    "resources": {"memory": "1Gi"},
    "serving": {"format": "mlflow"},
    "options": {"server": "mlserver", "requirements": ["pandas"]},
}

_API = "mlops.seldon.io/v1alpha1"


def faults(spec: LaunchSpec) -> Iterator[str]:
    if spec.resources.gpu or spec.resources.named:
        yield "resources: must be memory only; the GPUs are the Server's, name it in options.server"
    if spec.scaling.min == 0:
        yield "scaling.min: must be 1 or more on the target seldon2; kserve can go to 0"
    if len(spec.secrets) > 1 or any(each.keys for each in spec.secrets):
        yield "secrets: must be one whole Secret, with rclone's settings"


def manifests(spec: LaunchSpec) -> list[Manifest]:
    name = object_name(spec)
    model = _model(spec, name)
    if spec.canary is None:
        return [model]
    trial = _model(spec, f"{name}-canary", spec.canary)
    percent = spec.canary.percent
    experiment = {
        "apiVersion": _API,
        "kind": "Experiment",
        "metadata": metadata(spec, name=f"{name}-canary"),
        "spec": {
            "default": name,
            "candidates": [
                {"name": name, "weight": 100 - percent},
                {"name": f"{name}-canary", "weight": percent},
            ],
        },
    }
    return [trial, experiment, model]


def status(objects: Objects) -> State:
    """Of all of them: the first that failed, else the first that is not ready, else ready."""
    found = [
        _one(each) for kind in ("Model", "Experiment") for each in state.of_kind(objects, kind)
    ]
    if not found:
        return state.MISSING
    order = (Phase.FAILED, Phase.PENDING, Phase.READY)
    return min(found, key=lambda each: order.index(each.phase))


def endpoint(objects: Objects) -> str | None:
    models = [each["metadata"] for each in state.of_kind(objects, "Model")]
    names = sorted((meta["name"] for meta in models), key=len)
    if not names:
        return None
    namespace = models[0].get("namespace") or "default"
    return f"http://seldon-mesh.{namespace}.svc/v2/models/{names[0]}/infer"


def stop(objects: Objects) -> list[Action]:
    return state.delete(objects, "Experiment", "Model")


def _one(found: Mapping[str, Any]) -> State:
    if state.outdated(found):
        return State(Phase.PENDING)
    kind = f"{found['kind']}Ready"
    ready = state.condition(found, kind)
    if state.holds(found, kind):
        return State(Phase.READY)
    failed = ready.get("status") == "False" and "Failed" in (ready.get("reason") or "")
    return state.said(Phase.FAILED if failed else Phase.PENDING, ready)


def _model(spec: LaunchSpec, name: str, canary: Canary | None = None) -> Manifest:
    scales = not canary and spec.scaling.most > spec.scaling.min
    meta = metadata(spec, name=name)
    if canary and canary.version:
        meta["labels"]["podium/version"] = str(canary.version)
    made = {
        "storageUri": canary.storage if canary else spec.storage,
        "secretName": next((each.name for each in spec.secrets), None),
        "requirements": [spec.serving.format, *spec.options.get("requirements", ())],
        "server": spec.options.get("server"),
        "memory": spec.resources.memory,
        "replicas": 1 if canary else spec.scaling.min,
        "minReplicas": spec.scaling.min if scales else None,
        "maxReplicas": spec.scaling.most if scales else None,
    }
    return {
        "apiVersion": _API,
        "kind": "Model",
        "metadata": meta,
        "spec": {field: value for field, value in made.items() if value is not None},
    }
