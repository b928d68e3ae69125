"""What is written on the wire: one event, in the form a webhook has asked for, signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import orjson

from ..events import VERSION, EventType
from . import mlflow_events, signing
from .sender import Message
from .slack import slack_text


class Payload(StrEnum):
    PODIUM = "podium"
    MLFLOW = "mlflow"
    SLACK = "slack"


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it was stored; ``created`` is in ms. ``replay``: somebody asked for it again."""

    event_id: str
    type: EventType
    created: int
    actor: str
    data: Mapping[str, Any]
    replay: bool = False


def message(
    url: str, payload: str, told: Told, secrets: Sequence[str], *, now: int, number: int
) -> Message:
    """The ``number``-th attempt to tell it: each has the same id and body, and a new timestamp."""
    body = orjson.dumps(_content(Payload(payload), told))
    headers = signing.headers(told.event_id, now // 1000, body, secrets)
    headers["X-Podium-Event"] = told.type
    headers["X-Podium-Attempt"] = str(number)
    if told.replay:
        headers["X-Podium-Replay"] = "true"
    return Message(url, headers, body)


def _content(payload: Payload, told: Told) -> Mapping[str, Any]:
    if payload is Payload.SLACK:
        return {"text": slack_text(told.type, told.data, told.actor)}
    if payload is Payload.MLFLOW:
        name = mlflow_events.mlflow_name(told.type, told.data)
        if name is not None:
            return mlflow_events.body(name, told.data, told.created)
    return {
        "id": told.event_id,
        "type": told.type,
        "version": VERSION,
        "timestamp": datetime.fromtimestamp(told.created / 1000, UTC).isoformat(),
        "actor": told.actor,
        "data": told.data,
    }
