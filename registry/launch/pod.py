"""The pod that every target launches: the parts of it, for targets to put where they belong.

It passes Pod Security "restricted", gets no token of the cluster, takes credentials from Secrets by
name, and has a writable /scratch and a /dev/shm as large as its memory allows, which PyTorch's data
loaders need.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import gpu
from .names import Manifest, owner_labels
from .site import Resources
from .spec import LaunchSpec

SCRATCH = "/scratch"
TOKEN = "PODIUM_TRACKING_TOKEN"  # noqa: S105  (the name of a key)
RENDEZVOUS = 29_500

# What every target that runs a container of the user's can use of a spec.
FIELDS = frozenset(
    {"run_id", "image", "command", "args", "env", "secrets", "tracking", "resources", "storage"}
    | {"service_account", "priority"}
)


def pod_template(
    spec: LaunchSpec, container: Manifest, *, asked: Resources | None = None, **more: Any
) -> Manifest:
    """A PodTemplateSpec. ``asked`` are the resources it is placed by, if not those of the spec;
    ``more`` are further fields of its pod."""
    pod: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(spec),
        **placement(spec, asked),
        "containers": [container],
        "volumes": volumes(),
        **more,
    }
    return {"metadata": {"labels": owner_labels(spec)}, "spec": pod}


def placement(spec: LaunchSpec, resources: Resources | None = None) -> Manifest:
    """Which nodes, before whom, and as whom: those fields of a pod that there is a need for."""
    asked = (resources or spec.resources).gpu
    selector = dict(spec.site.node_selector)
    if asked:
        selector |= gpu.node_selector(asked, spec.site)
    found = {
        "serviceAccountName": spec.service_account,
        "priorityClassName": None if spec.queue else spec.priority,
        "nodeSelector": selector,
        "tolerations": gpu.tolerations(asked, spec.site),
    }
    return {name: value for name, value in found.items() if value}


def container(
    spec: LaunchSpec,
    name: str = "main",
    *,
    more_env: Mapping[str, Any] | None = None,
    home: bool = True,
    run: bool = True,
    **more: Any,
) -> Manifest:
    """The container with the user's image.

    Without ``home`` it keeps the image's HOME; without ``run`` it is not told of the run, for code
    that is to begin a run of its own. ``more`` are further fields of the container.
    """
    made: Manifest = {
        "name": name,
        "image": spec.image,
        "command": list(spec.command),
        "args": list(spec.args),
        "env": env(spec, more_env, home=home, run=run),
        "envFrom": env_from(spec),
        "resources": resources(spec),
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": volume_mounts(),
        **more,
    }
    return {field: value for field, value in made.items() if value not in ([], None)}


def env(
    spec: LaunchSpec,
    more: Mapping[str, Any] | None = None,
    *,
    home: bool = True,
    run: bool = True,
) -> list[Manifest]:
    """What Podium says, then what the user says, who may say HOME and the like anew.

    ``more`` maps names to values, or to what ``valueFrom`` takes.
    """
    ours: dict[str, Any] = {
        "HOME": SCRATCH if home else None,
        "MODEL_URI": spec.storage,
        "PODIUM_RUN_ID": spec.run_id if run else None,
        "PODIUM_SPOOL": f"{SCRATCH}/podium",
        "PODIUM_TRACKING_URI": spec.tracking.uri if spec.tracking else None,
        **(more or {}),
    }
    if spec.tracking and spec.tracking.secret:
        ours[TOKEN] = _key_of(spec.tracking.secret, TOKEN)
    return _variables(ours | users(spec))


def users_env(spec: LaunchSpec) -> list[Manifest]:
    """What the user says alone, for servers that are none of ours."""
    return _variables(users(spec))


def users(spec: LaunchSpec) -> dict[str, Any]:
    """By name: in what order a mapping is written says nothing."""
    keys = {key: _key_of(each.name, key) for each in spec.secrets for key in each.keys}
    return dict(sorted({**spec.env, **keys}.items()))


def _variables(said: Mapping[str, Any]) -> list[Manifest]:
    return [
        {"name": name, ("value" if isinstance(value, str) else "valueFrom"): value}
        for name, value in said.items()
        if value is not None
    ]


def env_from(spec: LaunchSpec) -> list[Manifest]:
    return [{"secretRef": {"name": each.name}} for each in spec.secrets if not each.keys]


def resources(spec: LaunchSpec, asked: Resources | None = None) -> Manifest:
    """Memory is limited to what is requested, so that a pod does not take its neighbours' with it;
    CPU is not limited, since a limit would only slow it down on an idle node."""
    asked = asked or spec.resources
    return {
        "requests": {"cpu": asked.cpu, "memory": asked.memory},
        "limits": {"memory": asked.memory, **gpu.limits(asked.gpu, spec.site)},
    }


def pod_security(spec: LaunchSpec) -> Manifest:
    user = spec.site.run_as_user
    as_user = {"runAsUser": user, "runAsGroup": user, "fsGroup": user} if user else {}
    return {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **as_user}


def container_security() -> Manifest:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def volumes() -> list[Manifest]:
    return [
        {"name": "scratch", "emptyDir": {}},
        {"name": "shm", "emptyDir": {"medium": "Memory"}},
    ]


def volume_mounts() -> list[Manifest]:
    return [
        {"name": "scratch", "mountPath": SCRATCH},
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108  (the container's own)
    ]


def ports(spec: LaunchSpec, **named: int) -> list[Manifest]:
    """Container ports, that of the metrics among them where Prometheus is to read it."""
    if spec.monitoring and spec.monitoring.port not in named.values():
        named["metrics"] = spec.monitoring.port
    return [{"name": name, "containerPort": port} for name, port in named.items()]


def _key_of(secret: str, key: str) -> Manifest:
    return {"secretKeyRef": {"name": secret, "key": key}}
