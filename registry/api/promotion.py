"""/api/v1/models/<name>/…: promotions, requests, approvals, rollbacks, history and comments."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.client.promotion import Comment, Promotion, Transition
from podium.tracker.auth.permissions import APPROVE, READ, REGISTER, allow
from podium.tracker.clock import now_ms
from podium.tracker.schema import Flag, Int64, Schema, Text, VersionNumber
from podium.tracker.services import services

from .. import promotion
from ..promotion import comments, history, read
from ..promotion.services import outside
from .blueprint import Blueprint
from .entities import schema_of

routes = Blueprint("promotion", __name__, url_prefix="/api/v1/models")

_Json = dict[str, Any]


class Promote(Schema):
    version = VersionNumber(required=True)
    stage = Text(required=True)
    comment = Text(load_default="")
    archive = Flag(load_default=None)
    override = Text(load_default=None)


class Approve(Schema):
    comment = Text(load_default="")
    digest = Text(load_default=None)


class Reason(Schema):
    reason = Text(load_default="")


class RollBack(Schema):
    stage = Text(required=True)
    version = VersionNumber(load_default=None)
    comment = Text(load_default="")


class Say(Schema):
    comment = Text(required=True)


class Pages(Schema):
    version = VersionNumber(load_default=None)
    max_results = Int64(load_default=100)
    page_token = Text(load_default="")


class Requests(Pages):
    status = Text(load_default="")


class Moment(Schema):
    stage = Text(required=True)
    at = Int64(load_default=None)


PromotionSchema = schema_of(Promotion)
TransitionSchema = schema_of(Transition)
CommentSchema = schema_of(Comment)


class PromotionPage(AnySchema):
    requests = fields.List(fields.Nested(PromotionSchema))
    next_page_token = fields.String()


class TransitionPage(AnySchema):
    transitions = fields.List(fields.Nested(TransitionSchema))
    next_page_token = fields.String()


class RolledBack(AnySchema):
    name = fields.String()
    stage = fields.String()
    entered = fields.Nested(TransitionSchema, allow_none=True)
    left = fields.List(fields.Nested(TransitionSchema))


class Comments(AnySchema):
    comments = fields.List(fields.Nested(CommentSchema))


@routes.post("/<name>/promotions")
@allow(REGISTER)
@routes.arguments(Promote)
@routes.response(200, PromotionSchema)
def promote(asked: _Json, name: str) -> Promotion:
    """Ask that a version be in a stage: `status` is DONE, or WAITING for what `waits_for` says."""
    return promotion.promote(services().db, name=name, outside=outside(), **asked)


@routes.get("/<name>/requests")
@allow(READ)
@routes.arguments(Requests, location="query")
@routes.response(200, PromotionPage)
def requests(asked: _Json, name: str) -> _Json:
    """What was asked for, newest first."""
    page = read.list_requests(services().db, name, **asked)
    return _page("requests", page.items, page.next_page_token)


@routes.get("/<name>/requests/<int:request_id>")
@allow(READ)
@routes.response(200, PromotionSchema)
def request(name: str, request_id: int) -> Promotion:
    return read.get_request(services().db, name, request_id)


@routes.post("/<name>/requests/<int:request_id>/approve")
@allow(APPROVE)
@routes.arguments(Approve)
@routes.response(200, PromotionSchema)
def approve(asked: _Json, name: str, request_id: int) -> Promotion:
    """Agree. With `digest`, only if the version's files are still those."""
    return promotion.approve(
        services().db, name=name, request_id=request_id, outside=outside(), **asked
    )


@routes.post("/<name>/requests/<int:request_id>/reject")
@allow(APPROVE)
@routes.arguments(Reason)
@routes.response(200, PromotionSchema)
def reject(asked: _Json, name: str, request_id: int) -> Promotion:
    return promotion.reject(services().db, name=name, request_id=request_id, **asked)


@routes.post("/<name>/requests/<int:request_id>/withdraw")
@allow(REGISTER)
@routes.arguments(Reason)
@routes.response(200, PromotionSchema)
def withdraw(asked: _Json, name: str, request_id: int) -> Promotion:
    return promotion.withdraw(services().db, name=name, request_id=request_id, **asked)


@routes.post("/<name>/requests/<int:request_id>/override")
@allow(APPROVE)
@routes.arguments(Reason)
@routes.response(200, PromotionSchema)
def override(asked: _Json, name: str, request_id: int) -> Promotion:
    """Promote without what the request waits for; for admins of the model."""
    return promotion.override(services().db, name=name, request_id=request_id, **asked)


@routes.post("/<name>/rollbacks")
@allow(REGISTER)
@routes.arguments(RollBack)
@routes.response(200, RolledBack)
def roll_back(asked: _Json, name: str) -> _Json:
    """Let the previous holder have the stage again."""
    return asdict(promotion.roll_back(services().db, name=name, **asked))


@routes.get("/<name>/history")
@allow(READ)
@routes.arguments(Pages, location="query")
@routes.response(200, TransitionPage)
def transitions(asked: _Json, name: str) -> _Json:
    """What has happened to the stages of a model, newest first."""
    page = history.list_transitions(services().db, name, **asked)
    return _page("transitions", page.items, page.next_page_token)


@routes.get("/<name>/holders")
@allow(READ)
@routes.arguments(Moment, location="query")
@routes.response(200, TransitionPage)
def holders(asked: _Json, name: str) -> _Json:
    """Which versions held a stage at a moment: the transitions by which they had come there."""
    at = now_ms() if asked["at"] is None else asked["at"]
    return {"transitions": history.holders_at(services().db, name, asked["stage"], at)}


@routes.get("/<name>/versions/<version>/comments")
@allow(READ)
@routes.response(200, Comments)
def comments_on_version(name: str, version: str) -> _Json:
    return {"comments": comments.comments_on_version(services().db, name, version)}


@routes.post("/<name>/versions/<version>/comments")
@allow(REGISTER)
@routes.arguments(Say)
@routes.response(201, CommentSchema)
def comment_on_version(asked: _Json, name: str, version: str) -> Comment:
    return comments.comment_on_version(services().db, name, version, asked["comment"])


@routes.get("/<name>/requests/<int:request_id>/comments")
@allow(READ)
@routes.response(200, Comments)
def comments_on_request(name: str, request_id: int) -> _Json:
    return {"comments": comments.comments_on_request(services().db, name, request_id)}


@routes.post("/<name>/requests/<int:request_id>/comments")
@allow(REGISTER)
@routes.arguments(Say)
@routes.response(201, CommentSchema)
def comment_on_request(asked: _Json, name: str, request_id: int) -> Comment:
    return comments.comment_on_request(services().db, name, request_id, asked["comment"])


def _page(name: str, items: tuple[Any, ...], token: str | None) -> _Json:
    return {name: items} | ({"next_page_token": token} if token else {})
