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


def violations(manifest: Any) -> Iterator[str]:
    """Of every pod anywhere in an object and of its containers."""
    for path, pod in pods(manifest):
        yield from _pod(pod, path)
        for number, container in enumerate(_containers(pod)):
            yield from _container(container, f"{path}[{number}]")


def pods(manifest: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Whatever in an object becomes a pod, with the way to it: a pod's own fields, a predictor of
    KServe, a workflow of Argo, which says them for all its steps."""
    if isinstance(manifest, Mapping):
        model = manifest.get("model")
        predicts = isinstance(model, Mapping) and "modelFormat" in model
        if isinstance(manifest.get("containers"), list) or predicts or "podMetadata" in manifest:
            yield path, manifest
        for name, value in manifest.items():
            yield from pods(value, f"{path}.{name}")
    elif isinstance(manifest, list):
        for number, value in enumerate(manifest):
            yield from pods(value, f"{path}[{number}]")


def _containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from pod.get("containers") or ()
    yield from pod.get("initContainers") or ()
    if "model" in pod:
        yield pod["model"]
    yield from (each["container"] for each in pod.get("templates") or ())


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
