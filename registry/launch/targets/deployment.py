"""A Deployment with its Service and, where it scales, a HorizontalPodAutoscaler.

Where no command says how a registered version is served, the container runs `podium serve-model`,
which refuses to start on files that are not what was registered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import pod, state
from ..fields import Schema
from ..monitor import service_monitor
from ..names import INSTANCE, Manifest, metadata, object_name, queued_metadata
from ..spec import LaunchSpec, Purpose
from ..state import Action, Objects, Phase, State

SUMMARY = "a Deployment, its Service and, to scale, a HorizontalPodAutoscaler"
PURPOSES = frozenset({Purpose.SERVE})
TAKES = (pod.FIELDS - {"run_id"}) | {"queue", "scaling", "serving", "monitoring"}
NEEDS = frozenset({"image"})
OPTIONS = Schema
EXAMPLE = {
    "command": [],
    "args": [],
    "env": {"MLSERVER_PARALLEL_WORKERS": "1"},
}

# A large model may take this long to load before it counts as stuck.
_START_SECONDS, _PROBE_SECONDS = 900, 10


def faults(spec: LaunchSpec) -> Iterator[str]:
    if spec.scaling.min == 0:
        yield (
            "scaling.min: must be 1 or more on the target deployment; "
            "kserve with options.mode: Knative goes to zero"
        )
    if not _serves_itself(spec):
        return
    if not spec.tracking:
        yield (
            "tracking: is missing; the server knows the checksums of the version's files. "
            "Name it, or say in command how the image serves"
        )
    if spec.monitoring and spec.monitoring.port == spec.serving.port:
        yield (
            "monitoring.port: must differ from serving.port; MLServer has its metrics at a port "
            "of their own, as 8082"
        )


def manifests(spec: LaunchSpec) -> list[Manifest]:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(spec),
        "spec": {"selector": _selector(spec), "ports": _ports(spec)},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": queued_metadata(spec),
        "spec": _spec(spec),
    }
    monitored = spec.monitoring and spec.monitoring.port != spec.serving.port
    monitor = service_monitor(spec, "metrics" if monitored else "http")
    return [service, *_autoscaler(spec), *monitor, deployment]


def status(objects: Objects) -> State:
    found = state.find(objects, "Deployment")
    if found is None:
        return state.MISSING
    if state.outdated(found):
        return State(Phase.PENDING)
    progressing = state.condition(found, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return state.said(Phase.FAILED, progressing)
    return state.decided(found, {"ReplicaFailure": Phase.FAILED}) or _replicas(found, objects)


def endpoint(objects: Objects) -> str | None:
    service = state.find(objects, "Service")
    return state.service_url(service, port=80) if service else None


def stop(objects: Objects) -> list[Action]:
    kinds = ("HorizontalPodAutoscaler", "ServiceMonitor", "Service", "Deployment")
    return state.delete(objects, *kinds)


def _replicas(found: Mapping[str, Any], objects: Objects) -> State:
    seen = state.status_of(found)
    wanted = (found.get("spec") or {}).get("replicas", 1)
    if wanted == 0:
        return State(Phase.STOPPED, "ScaledToZero")
    counts = {seen.get(name) or 0 for name in ("replicas", "updatedReplicas", "availableReplicas")}
    if counts == {wanted}:
        return State(Phase.READY)
    return state.waiting(found, objects)


def _spec(spec: LaunchSpec) -> Manifest:
    serving = spec.serving
    container = pod.container(
        spec,
        run=False,
        command=_command(spec),
        ports=pod.ports(spec, http=serving.port),
        startupProbe=_probe(serving.ready, _START_SECONDS // _PROBE_SECONDS),
        readinessProbe=_probe(serving.ready, 3),
    )
    template = pod.pod_template(spec, container)
    made: Manifest = {
        "progressDeadlineSeconds": _START_SECONDS + 60,
        "selector": {"matchLabels": _selector(spec)},
        # A new version takes over one pod at a time, and no request finds none.
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "template": template,
    }
    if not _scales(spec):  # else the autoscaler owns the field
        made["replicas"] = spec.scaling.min
    return made


def _serves_itself(spec: LaunchSpec) -> bool:
    return not spec.command and not spec.args and spec.source.model is not None


def _command(spec: LaunchSpec) -> list[str]:
    if not _serves_itself(spec):
        return list(spec.command)
    command = ["podium", "serve-model", "--folder", f"{pod.SCRATCH}/model"]
    command += ["--port", str(spec.serving.port)]
    if spec.monitoring:
        command += ["--metrics-port", str(spec.monitoring.port)]
    if spec.owner.launch_id:  # the model may be renamed, and a pod start after that
        command += ["--launch", spec.owner.launch_id]
    return [*command, "--", str(spec.source.model), str(spec.source.version)]


def _selector(spec: LaunchSpec) -> dict[str, str]:
    """What does not change from version to version: a Deployment's selector cannot."""
    return {INSTANCE: object_name(spec)}


def _ports(spec: LaunchSpec) -> list[Manifest]:
    ports: list[Manifest] = [{"name": "http", "port": 80, "targetPort": "http"}]
    if spec.monitoring and spec.monitoring.port != spec.serving.port:
        ports.append({"name": "metrics", "port": spec.monitoring.port, "targetPort": "metrics"})
    return ports


def _probe(path: str, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": _PROBE_SECONDS,
        "failureThreshold": failures,
    }


def _scales(spec: LaunchSpec) -> bool:
    return spec.scaling.most > spec.scaling.min


def _autoscaler(spec: LaunchSpec) -> list[Manifest]:
    if not _scales(spec):
        return []
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": object_name(spec)}
    utilization = {"type": "Utilization", "averageUtilization": spec.scaling.cpu}
    return [
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": metadata(spec),
            "spec": {
                "scaleTargetRef": target,
                "minReplicas": spec.scaling.min,
                "maxReplicas": spec.scaling.most,
                "metrics": [
                    {"type": "Resource", "resource": {"name": "cpu", "target": utilization}}
                ],
            },
        }
    ]
