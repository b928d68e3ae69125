"""Whether a webhook wants to hear of an event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Protocol

from ..events import EventType
from .mlflow_events import mlflow_name


class Wishes(Protocol):
    """The columns of a webhook that say what it wants."""

    webhook_id: str
    events: str
    model: str
    from_stages: str
    to_stages: str
    created: int


class Happened(Protocol):
    type: str
    key: str
    data: str
    created: int


def wants(hook: Wishes, event: Happened) -> bool:
    """What happened before the webhook was there it does not hear of."""
    if hook.created > event.created:
        return False
    if event.key == f"webhook {hook.webhook_id}":
        return False  # its own end
    data: Mapping[str, Any] = json.loads(event.data)
    type_ = EventType(event.type)
    chosen = json.loads(hook.events)
    if chosen and type_ not in chosen and mlflow_name(type_, data) not in chosen:
        return False
    return (
        _matches_model(hook.model, data)
        and _matches_stage(json.loads(hook.from_stages), data.get("from_stage"))
        and _matches_stage(json.loads(hook.to_stages), data.get("to_stage"))
    )


def _matches_model(pattern: str, data: Mapping[str, Any]) -> bool:
    """What is of no model matches only the pattern of a webhook for everything."""
    return pattern == "*" or ("name" in data and fnmatchcase(data["name"], pattern))


def _matches_stage(chosen: list[str], stage: str | None) -> bool:
    """Stages narrow down the events that have one; the others they leave alone."""
    return not chosen or stage is None or stage in chosen
