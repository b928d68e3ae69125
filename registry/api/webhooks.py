"""/api/v1/webhooks/…: webhooks of every form, what became of their deliveries, and secrets."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.schema import Choice, Int64, Items, Schema, Text
from podium.tracker.services import services

from ..webhooks import history, hooks
from ..webhooks.history import Delivered, State
from ..webhooks.hooks import Changes, Hook, Status
from ..webhooks.payloads import Payload
from ..webhooks.services import guard, keyring, sender
from ..webhooks.trial import try_out
from .blueprint import Blueprint

routes = Blueprint("webhooks", __name__, url_prefix="/api/v1/webhooks")

_Json = dict[str, Any]


class Update(Schema):
    name = Text(load_default=None)
    url = Text(load_default=None)
    description = Text(load_default=None)
    events = Items(Text(), load_default=None)
    model = Text(load_default=None)
    from_stages = Items(Text(), load_default=None)
    to_stages = Items(Text(), load_default=None)
    status = Choice(Status, load_default=None)


class Create(Update):
    name = Text(required=True)
    url = Text(required=True)
    payload = Choice(Payload, load_default=Payload.PODIUM)
    secret = Text(load_default=None)


class Rotate(Schema):
    secret = Text(load_default=None)
    keep_hours = Int64(load_default=hooks.ROTATION_HOURS)


class Listing(Schema):
    max_results = Int64(load_default=100)
    page_token = Text(load_default=None)


class Deliveries(Listing):
    state = Choice(State, load_default=None)


class Webhook(AnySchema):
    webhook_id = fields.String()
    name = fields.String()
    description = fields.String()
    url = fields.String()
    events = fields.List(fields.String())
    model = fields.String()
    from_stages = fields.List(fields.String())
    to_stages = fields.List(fields.String())
    payload = fields.String()
    status = fields.String()
    disabled_reason = fields.String()
    has_secret = fields.Boolean()
    previous_secret_until = fields.Integer(allow_none=True)
    failing_since = fields.Integer(allow_none=True)
    creation_time = fields.Integer()
    last_update_time = fields.Integer()


class WithSecret(Webhook):
    secret = fields.String(metadata={"description": "Said this once: nobody can read it again."})


class Webhooks(AnySchema):
    webhooks = fields.List(fields.Nested(Webhook))
    next_page_token = fields.String()


class Attempt(AnySchema):
    number = fields.Integer()
    started = fields.Integer()
    ms = fields.Integer()
    status = fields.Integer(allow_none=True)
    error = fields.String()
    body = fields.String(metadata={"description": "The beginning of the receiver's answer."})


class Delivery(AnySchema):
    delivery_id = fields.String()
    event_id = fields.String(metadata={"description": "What the receiver saw as webhook-id."})
    event = fields.String()
    key = fields.String()
    replay = fields.Boolean()
    state = fields.String()
    count = fields.Integer(metadata={"description": "Attempts so far."})
    begun = fields.Integer()
    due = fields.Integer(allow_none=True)
    ended = fields.Integer(allow_none=True)
    attempts = fields.List(fields.Nested(Attempt))


class DeliveryPage(AnySchema):
    deliveries = fields.List(fields.Nested(Delivery))
    next_page_token = fields.String()


class Result(AnySchema):
    accepted = fields.Boolean()
    status = fields.Integer(allow_none=True)
    ms = fields.Integer()
    error = fields.String()
    body = fields.String()


@routes.post("")
@allow(ADMIN)
@routes.arguments(Create)
@routes.response(201, WithSecret)
def create(asked: _Json) -> _Json:
    """Make a webhook. Without a `secret` one is made; it is in this answer and in no other."""
    payload, secret = asked.pop("payload"), asked.pop("secret")
    hook, known = hooks.create_signed(
        services().db, keyring(), guard(), wanted=Changes(**asked), payload=payload, secret=secret
    )
    return asdict(hook) | {"secret": known}


@routes.get("")
@allow(ADMIN)
@routes.arguments(Listing, location="query")
@routes.response(200, Webhooks)
def listing(asked: _Json) -> _Json:
    """All webhooks, newest first."""
    page = hooks.list_webhooks(services().db, **asked)
    return _page("webhooks", page.items, page.next_page_token)


@routes.get("/<webhook_id>")
@allow(ADMIN)
@routes.response(200, Webhook)
def get(webhook_id: str) -> Hook:
    return hooks.get_webhook(services().db, webhook_id)


@routes.patch("/<webhook_id>")
@allow(ADMIN)
@routes.arguments(Update)
@routes.response(200, Webhook)
def update(asked: _Json, webhook_id: str) -> Hook:
    """Change what is given. Setting `status` to ACTIVE again sends what has waited."""
    return hooks.update_webhook(
        services().db, keyring(), guard(), webhook_id, wanted=Changes(**asked)
    )


@routes.delete("/<webhook_id>")
@allow(ADMIN)
@routes.response(204)
def delete(webhook_id: str) -> None:
    hooks.delete_webhook(services().db, webhook_id)


@routes.post("/<webhook_id>/rotate")
@allow(ADMIN)
@routes.arguments(Rotate)
@routes.response(200, WithSecret)
def rotate(asked: _Json, webhook_id: str) -> _Json:
    """Give it a new secret. The one before it signs along for `keep_hours`."""
    hook, known = hooks.rotate_secret(services().db, keyring(), webhook_id, **asked)
    return asdict(hook) | {"secret": known}


@routes.post("/<webhook_id>/test")
@allow(ADMIN)
@routes.response(200, Result)
def test(webhook_id: str) -> _Json:
    """Send a PING now, and say what came of it."""
    answer = try_out(services().db, keyring(), sender(), webhook_id)
    return asdict(answer) | {"accepted": answer.accepted}


@routes.get("/<webhook_id>/deliveries")
@allow(ADMIN)
@routes.arguments(Deliveries, location="query")
@routes.response(200, DeliveryPage)
def deliveries(asked: _Json, webhook_id: str) -> _Json:
    """Its deliveries, newest first, each with its last attempt."""
    page = history.list_deliveries(services().db, webhook_id, **asked)
    return _page("deliveries", page.items, page.next_page_token)


@routes.get("/<webhook_id>/deliveries/<delivery_id>")
@allow(ADMIN)
@routes.response(200, Delivery)
def delivery(webhook_id: str, delivery_id: str) -> Delivered:
    """One delivery with all its attempts."""
    return history.get_delivery(services().db, webhook_id, delivery_id)


@routes.post("/<webhook_id>/deliveries/<delivery_id>/replay")
@allow(ADMIN)
@routes.response(201, Delivery)
def replay(webhook_id: str, delivery_id: str) -> Delivered:
    """Send it again: the same id and body, a new timestamp, and the header X-Podium-Replay."""
    return history.replay(services().db, webhook_id, delivery_id)


def _page(name: str, items: tuple[Any, ...], token: str | None) -> _Json:
    return {name: items} | ({"next_page_token": token} if token else {})
