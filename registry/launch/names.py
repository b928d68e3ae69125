"""What launched objects are called, and the labels they and their pods carry.

A name is decided by what is launched, so a launch that is repeated after a crash finds its own
object and no second one appears. A job's name depends on the launch it is of or, where there is
none (a spec rendered by hand), on all of the spec, since a job cannot be changed. A service's name
depends on what it is a service of, so that the next version takes its place.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .spec import LaunchSpec, Purpose

Manifest = dict[str, Any]

MANAGER = "podium"
INSTANCE = "app.kubernetes.io/instance"
LAUNCH = "podium/launch-id"
QUEUE = "kueue.x-k8s.io/queue-name"
QUEUE_PRIORITY = "kueue.x-k8s.io/priority-class"
# Katib takes 40 characters, Ray 47, and a pod's host name 63 with an index behind it.
MAX_NAME = 40
_DIGEST = 8


def object_name(spec: LaunchSpec) -> str:
    """A name every target takes (RFC 1035, at most 40 characters), as in ``churn-3f2a9c01``."""
    defines: Any
    if spec.purpose is Purpose.SERVE:
        defines = [spec.target, spec.namespace, spec.name, spec.source.stage]
    elif spec.owner.launch_id:
        defines = [spec.owner.launch_id, spec.owner.attempt]
    else:
        defines = _said({**asdict(spec), "site": None})
    text = json.dumps(defines, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
    return f"{slug(spec.name)[: MAX_NAME - _DIGEST - 1].rstrip('-')}-{digest}"


def _said(value: Any) -> Any:
    """Without what is empty, so that a field a later version adds changes no name."""
    if isinstance(value, dict):
        kept = {name: _said(below) for name, below in value.items()}
        return {name: below for name, below in kept.items() if below not in (None, {}, [])}
    return [_said(each) for each in value] if isinstance(value, (list, tuple)) else value


def slug(text: str) -> str:
    """Lower-case letters, digits and '-', beginning with a letter."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return found if found[:1].isalpha() else f"m-{found}".rstrip("-")


def queued_metadata(spec: LaunchSpec) -> Manifest:
    """Of the object that Kueue admits, if there is a queue."""
    queued = {QUEUE: spec.queue, QUEUE_PRIORITY: spec.priority} if spec.queue else {}
    return metadata(spec, labels={name: value for name, value in queued.items() if value})


def metadata(
    spec: LaunchSpec, *, name: str | None = None, labels: Mapping[str, str] | None = None
) -> Manifest:
    """Of an object, with ``labels`` beside those that say whose it is."""
    made: Manifest = {
        "name": name or object_name(spec),
        "labels": {**(labels or {}), **owner_labels(spec)},
    }
    if spec.namespace:
        made["namespace"] = spec.namespace
    if spec.source.model:
        made["annotations"] = {"podium/model": spec.source.model}  # a label could not hold it
    return made


def owner_labels(spec: LaunchSpec, *, version: int | None = None) -> dict[str, str]:
    """On every object and on its pods: whose they are. ``version`` is that of a canary."""
    name = object_name(spec)
    said = {
        "app.kubernetes.io/managed-by": MANAGER,
        INSTANCE: name,
        LAUNCH: label_value(spec.owner.launch_id or name),
        "podium/purpose": str(spec.purpose),
        "podium/run-id": spec.run_id or "",
        "podium/model": label_value(spec.source.model or ""),
        "podium/version": str(version or spec.source.version or ""),
        "podium/stage": label_value(spec.source.stage or ""),
    }
    return {key: value for key, value in said.items() if value}


def label_value(text: str) -> str:
    """As much of a text as a label can hold."""
    kept = re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:63]
    return kept.strip("-_.")
