"""Fields that no launch may set, in a spec, an overlay or an administrator's template.

They are what Kubernetes' Pod Security profile "restricted" refuses, and what would take a pod out
of the hands of the scheduler or give it the rights of another. A namespace labelled
``pod-security.kubernetes.io/enforce: restricted`` refuses the first kind once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

_NODE = "it reaches into the node"
_RIGHTS = "it gives the container more rights than a launch may have"
_ANY: Callable[[Any], bool] = lambda _value: True  # noqa: E731
_SET: Callable[[Any], bool] = bool
_NOT_TRUE: Callable[[Any], bool] = lambda value: value is not True  # noqa: E731

# Field → why, and which of its values are meant.
FORBIDDEN: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "hostPath": (_NODE, _ANY),
    "hostNetwork": (_NODE, _SET),
    "hostPID": (_NODE, _SET),
    "hostIPC": (_NODE, _SET),
    "hostPort": (_NODE, _SET),
    "hostProcess": (_NODE, _SET),
    "hostUsers": (_NODE, _SET),
    "hostAliases": ("it changes what names mean", _SET),
    "nodeName": ("it goes past the scheduler", _SET),
    "privileged": (_RIGHTS, _SET),
    "allowPrivilegeEscalation": (_RIGHTS, _SET),
    "add": (_RIGHTS, _SET),
    "procMount": (_RIGHTS, lambda value: value != "Default"),
    "sysctls": (_RIGHTS, _SET),
    "seLinuxOptions": (_RIGHTS, _SET),
    "windowsOptions": (_RIGHTS, _SET),
    "runAsNonRoot": ("the container must not run as root", _NOT_TRUE),
    "runAsUser": ("the container must not run as root", lambda value: value == 0),
    "shareProcessNamespace": ("containers must not see each other's processes", _SET),
    "automountServiceAccountToken": ("a launch gets no token of the cluster", _SET),
    "serviceAccountToken": ("a launch gets no token of the cluster", _ANY),
    "serviceAccount": ("it is the old name of serviceAccountName", _ANY),
    "ephemeralContainers": ("they are for debugging a pod by hand", _SET),
    "volumeDevices": (_NODE, _SET),
    "podSpecPatch": ("it goes past these checks", _ANY),
}
# Where keys are names that somebody chose, not fields.
_FREE = ("labels", "annotations", "matchLabels", "nodeSelector", "data", "stringData", "parameters")
_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"}
    | {"projected", "secret", "image"}
)
_SPELT = {name.lower(): name for name in FORBIDDEN if name != "add"}
# What a spec might call them; in a spec none of these are fields at all.
_SPELT |= {"securitycontext": "securityContext", "capabilities": "capabilities"}
_SPELT |= {"volumes": "volumes", "volumemounts": "volumeMounts"}


def why_forbidden(name: str) -> str | None:
    """Why a field that a spec does not have is refused; None where it is merely unknown."""
    spelt = _SPELT.get(name.replace("_", "").replace("-", "").lower())
    if spelt is None:
        return None
    why = FORBIDDEN[spelt][0] if spelt in FORBIDDEN else "a launch may not choose it"
    meant = "" if name == spelt else f" ({spelt})"
    return f"is not allowed{meant}: {why}; remove it"


def faults(manifest: Any, path: str) -> Iterator[str]:
    """Every forbidden field of a rendered object, as a line that names it."""
    if isinstance(manifest, Mapping):
        for name, value in manifest.items():
            here = f"{path}.{name}"
            why, meant = FORBIDDEN.get(str(name), ("", None))
            if meant is not None and meant(value):
                yield f"{here}: is not allowed: {why}; remove it"
            elif name == "volumes":
                yield from _volumes(value, here)
            elif name == "type" and value == "Unconfined":
                yield f"{here}: is not allowed: {_RIGHTS}; write RuntimeDefault"
            elif name not in _FREE:
                yield from faults(value, here)
    elif isinstance(manifest, list):
        for number, value in enumerate(manifest):
            yield from faults(value, f"{path}[{number}]")


def _volumes(volumes: Any, path: str) -> Iterator[str]:
    for number, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        if not isinstance(volume, Mapping):
            continue
        for kind in sorted(set(volume) - _VOLUMES - {"name"}):
            yield f"{path}[{number}].{kind}: is not allowed: {_NODE}; use a volume claim"
