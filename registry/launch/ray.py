"""A Ray cluster as KubeRay takes it, for the targets rayjob and rayservice."""

from __future__ import annotations

from typing import Any

from . import pod
from .fields import Schema, Text, cpu, memory
from .names import Manifest
from .site import Resources
from .spec import LaunchSpec, Purpose

# Long enough to copy the logs of a cluster whose job has ended.
LINGER_SECONDS = 600
METRICS_PORT = 8080
_SUBMITTER = Resources(cpu="100m", memory="512Mi")


class Options(Schema):
    ray_version = Text(
        r"[0-9]+\.[0-9]+\.[0-9]+",
        must='a version such as "2.52.0"',
        about="The version of Ray in the image.",
    )
    head_cpu = cpu(load_default="1", about="CPU of the head, which runs the driver.")
    head_memory = memory(load_default="4Gi", about="Memory of the head.")


def cluster(spec: LaunchSpec) -> Manifest:
    asked = spec.resources.gpu
    # Ray knows what nvidia.com/gpu is, and no other resource of a GPU.
    accelerators = {"num-gpus": str(asked.count)} if asked else {}
    version = spec.options.get("ray_version")
    head = Resources(cpu=spec.options["head_cpu"], memory=spec.options["head_memory"])
    return {
        **({"rayVersion": version} if version else {}),
        "headGroupSpec": {
            # No tasks on the head: it would go down with one that takes all memory.
            "rayStartParams": {"dashboard-host": "0.0.0.0", "num-cpus": "0"},  # noqa: S104
            "template": _pod(spec, "ray-head", head),
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": spec.workers,
                "minReplicas": spec.workers,
                "maxReplicas": spec.workers,
                "rayStartParams": accelerators,
                "template": _pod(spec, "ray-worker", spec.resources),
            }
        ],
    }


def submitter(spec: LaunchSpec) -> Manifest:
    """The pod that hands the job over; KubeRay fills in its command."""
    # It runs nothing of the user's, so it gets none of the user's secrets.
    container = _container(spec, "ray-job-submitter", _SUBMITTER, env=None, envFrom=None)
    return pod.pod_template(spec, container, asked=_SUBMITTER, restartPolicy="Never")


def _pod(spec: LaunchSpec, name: str, asked: Resources) -> Manifest:
    ports = [{"name": "metrics", "containerPort": METRICS_PORT}] if spec.monitoring else None
    return pod.pod_template(spec, _container(spec, name, asked, ports=ports), asked=asked)


def _container(spec: LaunchSpec, name: str, asked: Resources, **more: Any) -> Manifest:
    """The command of the spec is the job's entry point; that of the pods is KubeRay's."""
    run = spec.purpose is not Purpose.SERVE
    plain = {"command": None, "args": None, "resources": pod.resources(spec, asked)}
    return pod.container(spec, name, home=False, run=run, **plain, **more)
