"""Where the test kubelet has the volumes of a pod, and what it puts in.

That is what ConfigMaps and Secrets hold, and a token of the account. A volume that is claimed is
the folder that its PersistentVolume names: it outlives the pod.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .rest import Object, Rest

Files = Iterator[tuple[str, bytes]]


class Missing(Exception):
    """What the pod names is not there."""


def place(admin: Rest, pod: Object, volume: Mapping[str, Any], folder: Path) -> Path:
    """The folder of a volume, with its files: ``folder``, except of one that is claimed."""
    if "persistentVolumeClaim" in volume:
        name = volume["persistentVolumeClaim"]["claimName"]
        return _claimed(admin, pod["metadata"]["namespace"], name)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _files(admin, pod, volume):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(content)
    return folder


def writable(said: Mapping[str, Any], places: Mapping[str, str]) -> Mapping[str, str] | None:
    """The volumes of a container that may write into nothing else; None of another one."""
    if not said.get("securityContext", {}).get("readOnlyRootFilesystem"):
        return None
    mounts = [
        each["mountPath"] for each in said.get("volumeMounts", ()) if not each.get("readOnly")
    ]
    return {mount: places[mount] for mount in mounts if mount in places}


def put(text: str, places: Mapping[str, str]) -> str:
    """With the folders of volumes in place of where they are mounted."""
    if not places:
        return text
    # All at once: where they are may itself look like a place that is mounted.
    any_of = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
    return re.sub(rf"(?<![\w.])({any_of})(?=/|$)", lambda each: places[each[1]], text)


def data(admin: Rest, namespace: str, kind: str, name: str) -> dict[str, bytes]:
    """Of a ConfigMap or a Secret. :class:`Missing` if it is not there."""
    found = admin.get("v1", kind, namespace, name)
    if found is None:
        raise Missing(f'{kind.lower()} "{name}" not found')
    said = found.get("data") or {}
    return {
        key: b64decode(value) if kind == "Secret" else value.encode() for key, value in said.items()
    }


def _claimed(admin: Rest, namespace: str, name: str) -> Path:
    claim = admin.get("v1", "PersistentVolumeClaim", namespace, name)
    if claim is None:
        raise Missing(f'persistentvolumeclaim "{name}" not found')
    volume = admin.get("v1", "PersistentVolume", None, claim["spec"].get("volumeName") or "none")
    if volume is None:
        raise Missing(f'persistentvolumeclaim "{name}" is not bound')
    return Path(volume["spec"]["hostPath"]["path"])


def _files(admin: Rest, pod: Object, volume: Mapping[str, Any]) -> Files:
    space = pod["metadata"]["namespace"]
    if "configMap" in volume:
        yield from _named(
            admin, space, "ConfigMap", volume["configMap"], volume["configMap"]["name"]
        )
    if "secret" in volume:
        said = volume["secret"]
        yield from _named(admin, space, "Secret", said, said.get("secretName") or said["name"])
    for source in (volume.get("projected") or {}).get("sources", ()):
        yield from _files(admin, pod, source)
    if "serviceAccountToken" in volume:
        yield volume["serviceAccountToken"]["path"], _token(admin, pod)
    for item in (volume.get("downwardAPI") or {}).get("items", ()):
        if item["fieldRef"]["fieldPath"] == "metadata.namespace":
            yield item["path"], space.encode()


def _named(admin: Rest, space: str, kind: str, said: Mapping[str, Any], name: str) -> Files:
    try:
        found = data(admin, space, kind, name)
    except Missing:
        if said.get("optional"):
            return
        raise
    items: Sequence[Mapping[str, str]] = said.get("items") or [
        {"key": each, "path": each} for each in found
    ]
    for item in items:
        yield item["path"], found[item["key"]]


def _token(admin: Rest, pod: Object) -> bytes:
    """Bound to the pod, as a kubelet asks for it."""
    meta, account = pod["metadata"], pod["spec"]["serviceAccountName"]
    bound = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"boundObjectRef": bound},
    }
    path = admin.path("v1", "ServiceAccount", meta["namespace"], account)
    token: str = admin.call("POST", f"{path}/token", request)["status"]["token"]
    return token.encode()
