"""/api/v1/models/<name>/…: stages, policies, freezes; ``name`` may be a pattern of names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.tracker.auth.permissions import ADMIN, READ, allow
from podium.tracker.schema import Int64, Schema, Text
from podium.tracker.services import services

from ..promotion import freezes, policies, stage_sets
from ..promotion.external import secrets_for
from ..promotion.freezes import Freeze
from ..promotion.policies import InForce
from ..webhooks.services import keyring
from .blueprint import Blueprint, json_object

routes = Blueprint("rules", __name__, url_prefix="/api/v1")

_Json = dict[str, Any]


class NewFreeze(Schema):
    reason = Text(required=True)
    stage = Text(load_default="")
    until = Int64(load_default=None)


class Address(Schema):
    url = Text(required=True)


class StageSchema(AnySchema):
    name = fields.String(required=True)
    follows = fields.List(
        fields.String(), metadata={"description": "From where it is reached; by default from all."}
    )
    held = fields.Boolean(metadata={"description": "Former holders may be sent to the archive."})
    exclusive = fields.Boolean(metadata={"description": "They always are: it has one holder."})


class StagesSchema(AnySchema):
    stages = fields.List(fields.Nested(StageSchema), required=True)
    first = fields.String(metadata={"description": "Where new versions begin; the first of all."})
    archive = fields.String(metadata={"description": "Where former holders go; the last of all."})


class StageSets(AnySchema):
    models = fields.Dict(values=fields.Nested(StagesSchema))


class Rules(AnySchema):
    approvals = fields.Integer()
    approver = fields.String(metadata={"description": "approver or admin"})
    gates = fields.List(
        fields.Dict(), metadata={"description": "Each with its kind as `gate`, and its fields."}
    )
    archive = fields.Boolean(allow_none=True)
    expires_after_hours = fields.Float(allow_none=True)


class PolicySchema(Rules):
    model = fields.String(metadata={"description": "The name or pattern it is for."})
    stage = fields.String()
    revision = fields.Integer()
    author = fields.String()
    created = fields.Integer()


class Policies(AnySchema):
    policies = fields.List(fields.Nested(PolicySchema))


class FreezeSchema(AnySchema):
    id = fields.Integer()
    model = fields.String()
    stage = fields.String(metadata={"description": "Empty for every stage."})
    reason = fields.String()
    author = fields.String()
    created = fields.Integer()
    until = fields.Integer(allow_none=True)


class Freezes(AnySchema):
    freezes = fields.List(fields.Nested(FreezeSchema))


class Secrets(AnySchema):
    secrets = fields.List(fields.String(), metadata={"description": "Any of them signs."})


@routes.get("/models/<name>/stages")
@allow(READ)
@routes.response(200, StagesSchema)
def stages(name: str) -> _Json:
    """The stages that the model of this name has."""
    return stage_sets.render(stage_sets.effective_stages(services().db, name))


@routes.put("/models/<name>/stages")
@allow(ADMIN)
@routes.doc(requestBody={"content": {"application/json": {"schema": StagesSchema}}})
@routes.response(200, StagesSchema)
def set_stages(name: str) -> _Json:
    """Give the model of this name, or all that match the pattern, stages of their own."""
    found = stage_sets.set_stages(services().db, name, json_object())
    return stage_sets.render(found)


@routes.delete("/models/<name>/stages")
@allow(ADMIN)
@routes.response(204)
def delete_stages(name: str) -> None:
    stage_sets.delete_stages(services().db, name)


@routes.get("/stages")
@allow(ADMIN)
@routes.response(200, StageSets)
def stage_sets_() -> _Json:
    """The stages that are set, by the name or pattern they are for."""
    found = stage_sets.list_stage_sets(services().db)
    return {"models": {glob: stage_sets.render(each) for glob, each in found.items()}}


@routes.get("/freezes")
@allow(ADMIN)
@routes.response(200, Freezes)
def all_freezes() -> _Json:
    """Every freeze in force."""
    return {"freezes": [_freeze(each) for each in freezes.list_freezes(services().db)]}


@routes.get("/policies")
@allow(ADMIN)
@routes.response(200, Policies)
def all_policies() -> _Json:
    """Every policy in force."""
    return {"policies": [_policy(each) for each in policies.list_policies(services().db)]}


@routes.get("/models/<name>/policies")
@allow(READ)
@routes.response(200, Policies)
def effective(name: str) -> _Json:
    """What holds for the model of this name, one policy a stage."""
    found = policies.effective_policies(services().db, name)
    return {"policies": [_policy(each) for each in found]}


@routes.put("/models/<name>/policies/<stage>")
@allow(ADMIN)
@routes.doc(requestBody={"content": {"application/json": {"schema": Rules}}})
@routes.response(200, PolicySchema)
def set_policy(name: str, stage: str) -> _Json:
    """Let this hold from now on, for a name or a pattern. Approvals given before lapse."""
    return _policy(policies.set_policy(services().db, name, stage, json_object()))


@routes.delete("/models/<name>/policies/<stage>")
@allow(ADMIN)
@routes.response(204)
def delete_policy(name: str, stage: str) -> None:
    policies.delete_policy(services().db, name, stage)


@routes.get("/models/<name>/freezes")
@allow(READ)
@routes.response(200, Freezes)
def list_freezes(name: str) -> _Json:
    """What keeps the model of this name from being promoted now."""
    return {"freezes": [_freeze(each) for each in freezes.list_freezes(services().db, name)]}


@routes.post("/models/<name>/freezes")
@allow(ADMIN)
@routes.arguments(NewFreeze)
@routes.response(201, FreezeSchema)
def freeze(asked: _Json, name: str) -> _Json:
    """No promotions from now on, of a name or a pattern."""
    return _freeze(freezes.freeze(services().db, name, **asked))


@routes.delete("/models/<name>/freezes/<int:freeze_id>")
@allow(ADMIN)
@routes.response(204)
def lift(name: str, freeze_id: int) -> None:
    freezes.lift(services().db, freeze_id, glob=name)


@routes.get("/external-check-secrets")
@allow(ADMIN)
@routes.arguments(Address, location="query")
@routes.response(200, Secrets)
def secrets(asked: _Json) -> _Json:
    """By what the external check at this address knows that it is this server that asks."""
    return {"secrets": secrets_for(keyring(), asked["url"])}


def _policy(found: InForce) -> _Json:
    told = {key: value for key, value in asdict(found).items() if key not in ("policy", "glob")}
    return {**policies.render(found.policy), **told, "model": found.glob}


def _freeze(found: Freeze) -> _Json:
    told = asdict(found)
    return {**told, "model": told.pop("glob")}
