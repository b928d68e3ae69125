"""KubeRay: a RayService, which serves an application of Ray Serve on a cluster of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .. import pod, ray, state
from ..fields import Text
from ..files import as_yaml
from ..monitor import pod_monitor
from ..names import Manifest, queued_metadata
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State


class Options(ray.Options):
    import_path = Text(
        r"[A-Za-z_][\w.]*:[A-Za-z_]\w*",
        must='a path such as "app:deployment"',
        required=True,
        about="The application in the image: module:variable.",
    )
    route_prefix = Text(
        r"/\S*", load_default="/", must="a path such as /", about="The path it answers at."
    )


SUMMARY = "KubeRay: a RayService with an application of Ray Serve"
PURPOSES = frozenset({Purpose.SERVE})
TAKES = (pod.FIELDS - {"run_id", "command", "args"}) | {
    "workers",
    "queue",
    "monitoring",
    "options",
}
NEEDS = frozenset({"image"})
OPTIONS = Options
EXAMPLE = {
    "workers": 2,
    "options": {
        "ray_version": "2.52.0",
        "head_cpu": "2",
        "head_memory": "4Gi",
        "import_path": "app:deployment",
        "route_prefix": "/",
    },
}

_PORT = 8000


def faults(_spec: LaunchSpec) -> Iterable[str]:
    return ()


def manifests(spec: LaunchSpec) -> list[Manifest]:
    options = spec.options
    application = {
        "name": "app",
        "import_path": options["import_path"],
        "route_prefix": options["route_prefix"],
    }
    service = {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": queued_metadata(spec),
        "spec": {
            "serveConfigV2": as_yaml([{"applications": [application]}]),
            "rayClusterConfig": ray.cluster(spec),
        },
    }
    return [*pod_monitor(spec), service]


def status(objects: Objects) -> State:
    found = state.find(objects, "RayService")
    if found is None:
        return state.MISSING
    ready = state.condition(found, "Ready")
    if ready.get("reason") in ("ValidationFailed", "InitializingTimeout"):
        return state.said(Phase.FAILED, ready)
    settled = state.decided(found, {"Suspended": Phase.STOPPED, "Ready": Phase.READY})
    return settled or _not_ready(found, ready, objects)


def endpoint(objects: Objects) -> str | None:
    found = state.find(objects, "RayService")
    return state.service_url(found, suffix="-serve-svc", port=_PORT) if found else None


def stop(objects: Objects) -> list[Action]:
    return state.delete(objects, "PodMonitor", "RayService")


def _not_ready(found: Mapping[str, Any], ready: Mapping[str, Any], objects: Objects) -> State:
    waiting = state.waiting(found, objects)
    return waiting if waiting.reason else state.said(Phase.PENDING, ready)
