"""/mlflow/webhooks/…: the webhooks whose messages have MLflow's form. Others are not seen here."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from flask import Blueprint
from podium.client.errors import BadRequest, NotFound
from podium.client.rules import shown
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.mlflow.render import Json
from podium.tracker.rest import takes
from podium.tracker.schema import Choice, Int64, Items, Object, Schema, Text
from podium.tracker.services import services

from ..webhooks import hooks, mlflow_events
from ..webhooks.hooks import Changes, Hook, Status
from ..webhooks.payloads import Payload
from ..webhooks.services import guard, keyring, sender
from ..webhooks.trial import try_out

routes = Blueprint("webhooks", __name__, url_prefix="/2.0/mlflow/webhooks")


class Entity(StrEnum):
    REGISTERED_MODEL = "REGISTERED_MODEL"
    MODEL_VERSION = "MODEL_VERSION"
    MODEL_VERSION_TAG = "MODEL_VERSION_TAG"
    MODEL_VERSION_ALIAS = "MODEL_VERSION_ALIAS"
    PROMPT = "PROMPT"
    PROMPT_VERSION = "PROMPT_VERSION"
    PROMPT_TAG = "PROMPT_TAG"
    PROMPT_VERSION_TAG = "PROMPT_VERSION_TAG"
    PROMPT_ALIAS = "PROMPT_ALIAS"
    BUDGET_POLICY = "BUDGET_POLICY"


class Action(StrEnum):
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"
    SET = "SET"
    EXCEEDED = "EXCEEDED"


class Event(Schema):
    entity = Choice(Entity, required=True)
    action = Choice(Action, required=True)


class Update(Schema):
    name = Text(load_default=None)
    description = Text(load_default=None)
    url = Text(load_default=None)
    events = Items(Object(Event), load_default=[])
    secret = Text(load_default=None)
    status = Choice(Status, load_default=None)


class Create(Update):
    name = Text(required=True)
    url = Text(required=True)
    events = Items(Object(Event), required=True)


class Listing(Schema):
    max_results = Int64(load_default=0)
    page_token = Text(load_default="")


class Test(Schema):
    event = Object(Event, load_default=None)


@routes.post("")
@allow(ADMIN)
@takes(Create)
def create(asked: Json) -> Json:
    made = hooks.create_webhook(
        services().db,
        keyring(),
        guard(),
        wanted=_changes(asked),
        payload=Payload.MLFLOW,
        secret=asked["secret"],
    )
    return {"webhook": _webhook(made)}


@routes.get("")
@allow(ADMIN)
@takes(Listing)
def listing(asked: Json) -> Json:
    page = hooks.list_webhooks(
        services().db,
        max_results=asked["max_results"] or 100,
        page_token=asked["page_token"] or None,
        payload=Payload.MLFLOW,
    )
    answer: Json = {"webhooks": [_webhook(each) for each in page.items]} if page.items else {}
    return answer | ({"next_page_token": page.next_page_token} if page.next_page_token else {})


@routes.get("/<webhook_id>")
@allow(ADMIN)
def get(webhook_id: str) -> Json:
    return {"webhook": _webhook(_find(webhook_id))}


@routes.patch("/<webhook_id>")
@allow(ADMIN)
@takes(Update)
def update(asked: Json, webhook_id: str) -> Json:
    _find(webhook_id)
    changed = hooks.update_webhook(
        services().db,
        keyring(),
        guard(),
        webhook_id,
        wanted=_changes(asked),
        secret=asked["secret"],
    )
    return {"webhook": _webhook(changed)}


@routes.delete("/<webhook_id>")
@allow(ADMIN)
def delete(webhook_id: str) -> Json:
    _find(webhook_id)
    hooks.delete_webhook(services().db, webhook_id)
    return {}


@routes.post("/<webhook_id>/test")
@allow(ADMIN)
@takes(Test)
def test(asked: Json, webhook_id: str) -> Json:
    asked = asked["event"]
    _find(webhook_id)
    answer = try_out(
        services().db,
        keyring(),
        sender(),
        webhook_id,
        mlflow_event=None if asked is None else _name(asked),
    )
    result: dict[str, Any] = {"success": answer.accepted}
    if answer.status is not None:
        result |= {"response_status": answer.status, "response_body": answer.body}
    else:
        result["error_message"] = f"Failed to test webhook: {answer.error}"
    return {"result": result}


def _find(webhook_id: str) -> Hook:
    found = hooks.get_webhook(services().db, webhook_id)
    if found.payload is not Payload.MLFLOW:
        raise NotFound(f"Webhook with ID {shown(webhook_id)} not found.")
    return found


def _changes(asked: dict[str, Any]) -> Changes:
    """An empty name or URL leaves what is there, as in MLflow; so does an empty list."""
    return Changes(
        name=asked["name"] or None,
        url=asked["url"] or None,
        description=asked["description"],
        events=[_name(event) for event in asked["events"]] or None,
        status=asked["status"],
    )


def _name(event: dict[str, StrEnum]) -> str:
    entity, action = event["entity"].lower(), event["action"].lower()
    allowed = mlflow_events.EVENTS[entity]
    if action not in allowed:
        raise BadRequest(
            f"Invalid action '{action}' for entity '{entity}'. Valid actions are: {sorted(allowed)}"
        )
    return f"{entity}.{action}"


def _webhook(hook: Hook) -> Json:
    found: Json = {
        "webhook_id": hook.webhook_id,
        "name": hook.name,
        "url": hook.url,
        "events": [
            dict(zip(("entity", "action"), event.upper().split("."), strict=True))
            for event in hook.events
        ],
        "status": hook.status,
        "creation_timestamp": hook.creation_time,
        "last_updated_timestamp": hook.last_update_time,
    }
    return found | ({"description": hook.description} if hook.description else {})
