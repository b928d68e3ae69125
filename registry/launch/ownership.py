"""Which fields of an object are ours, as the API server keeps it, and how one is left to another.

What its only owner no longer sets, the server takes away: a Deployment's number of replicas is one
then. So it is owned once more, under another name, before it is no longer set; an autoscaler that
changes it makes it its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .names import Manifest

MANAGER = "podium-launch"
LEAVER = "podium-launch-leaves"


def leaves_replicas(manifest: Mapping[str, Any]) -> bool:
    """Whether it is an autoscaler that says how many there are."""
    return manifest["kind"] == "Deployment" and "replicas" not in manifest["spec"]


def left(there: Mapping[str, Any]) -> Manifest | None:
    """What to apply as :data:`LEAVER` for the replicas to stay; None where they do anyway."""
    if not any(_sets_replicas(each) for each in there["metadata"].get("managedFields") or ()):
        return None
    # The uid keeps it from making another, should this one be gone by then.
    meta = {name: there["metadata"][name] for name in ("name", "namespace", "uid")}
    return {
        "apiVersion": there["apiVersion"],
        "kind": there["kind"],
        "metadata": meta,
        "spec": {"replicas": there["spec"]["replicas"]},
    }


def _sets_replicas(managed: Mapping[str, Any]) -> bool:
    applied = managed.get("manager") == MANAGER and managed.get("operation") == "Apply"
    spec = (managed.get("fieldsV1") or {}).get("f:spec") or {}
    return applied and "f:replicas" in spec
