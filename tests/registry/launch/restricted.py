"""Pod Security Standards, profile "restricted", as far as manifests can be held against it.

Written from the standard, not from the code under test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_HOST = ("hostNetwork", "hostPID", "hostIPC")


def violations(manifest: Any, path: str = "") -> Iterator[str]:
    """Of every pod and every container anywhere in an object."""
    if isinstance(manifest, Mapping):
        if isinstance(manifest.get("containers"), list):
            yield from _pod(manifest, path)
        if "image" in manifest and "numNodes" not in manifest:
            yield from _container(manifest, path)
        for name, value in manifest.items():
            yield from violations(value, f"{path}.{name}")
    elif isinstance(manifest, list):
        for number, value in enumerate(manifest):
            yield from violations(value, f"{path}[{number}]")


def _pod(pod: Mapping[str, Any], path: str) -> Iterator[str]:
    security = pod.get("securityContext") or {}
    if security.get("runAsNonRoot") is not True:
        yield f"{path}: runAsNonRoot"
    if (security.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{path}: seccompProfile"
    if security.get("runAsUser") == 0:
        yield f"{path}: runAsUser"
    yield from (f"{path}: {name}" for name in _HOST if pod.get(name))
    for volume in pod.get("volumes") or ():
        kinds = set(volume) - {"name"}
        if not kinds <= _VOLUMES:
            yield f"{path}: volume {sorted(kinds)}"
    for container in pod["containers"]:
        yield from _container(container, path)


def _container(container: Mapping[str, Any], path: str) -> Iterator[str]:
    security = container.get("securityContext") or {}
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{path}: allowPrivilegeEscalation"
    capabilities = security.get("capabilities") or {}
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield f"{path}: capabilities"
    if security.get("privileged"):
        yield f"{path}: privileged"
    for port in container.get("ports") or ():
        if port.get("hostPort"):
            yield f"{path}: hostPort"
