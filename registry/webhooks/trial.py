"""Trying a webhook out: one message, now, past the queue."""

from __future__ import annotations

import orjson
from podium.client.errors import BadRequest
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring

from ..events import EventType, ping
from ..outbox import new_id
from . import mlflow_events, queue, signing
from .hooks import entity, find_webhook
from .payloads import Payload, Told, message
from .sender import Answer, HttpSender, Message


def try_out(
    db: Database,
    keyring: Keyring,
    sender: HttpSender,
    webhook_id: str,
    *,
    mlflow_event: str | None = None,
) -> Answer:
    """Send a PING; to a webhook in MLflow's form an example of an event, by default its first.

    A webhook that is switched off can be tried out, too: that is how one finds out that it can be
    switched on again.
    """
    now = now_ms()
    with db.reading() as session:
        row = find_webhook(session, webhook_id)
        hook = entity(row)
        secrets = [keyring.decrypt(secret) for secret in queue.valid_secrets(row, now)]
    if hook.payload is Payload.MLFLOW:
        name = mlflow_event or hook.events[0]
        if name not in mlflow_events.NAMES:
            raise BadRequest(f"{name!r} is no event of MLflow's.")
        body = orjson.dumps(mlflow_events.example(name, now))
        headers = signing.headers(new_id(), now // 1000, body, secrets)
        return sender.send(Message(hook.url, headers, body))
    event = ping(webhook_id=hook.webhook_id, webhook_name=hook.name)
    told = Told(new_id(), EventType.PING, now, caller().name, event.data)
    return sender.send(message(hook.url, hook.payload, told, secrets, now=now, number=1))
