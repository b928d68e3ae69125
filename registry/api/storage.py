"""/api/v1/storage, /quotas, /retention and /holds: what is stored, and what of it may go."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.tracker.auth.permissions import ADMIN, READ, allow
from podium.tracker.experiments import get_experiment
from podium.tracker.schema import Int64, Items, Schema, Text
from podium.tracker.services import services
from podium.tracker.storage import count, gc, holds, quotas, retention, trash
from podium.tracker.storage.retention import Effect, Policy

from ..storage_of_models import ModelUse, by_model
from .blueprint import Blueprint
from .entities import schema_of

routes = Blueprint("storage", __name__, url_prefix="/api/v1")

_Json = dict[str, Any]


class NewQuota(Schema):
    bytes = Int64(required=True)


class NewPolicy(Schema):
    experiments = Text(required=True)
    what = Text(required=True)
    days = Int64(required=True)
    states = Items(Text(), load_default=())


class NewHold(Schema):
    subject = Text(required=True)
    reason = Text(required=True)


TotalSchema = schema_of(count.Total)
QuotaSchema = schema_of(quotas.Limit)
HoldSchema = schema_of(holds.Hold)


class Use(AnySchema):
    total = fields.Nested(TotalSchema, allow_none=True)
    other = fields.Nested(TotalSchema, allow_none=True)
    experiments = fields.List(fields.Nested(TotalSchema))
    users = fields.List(fields.Nested(TotalSchema))
    models = fields.List(fields.Nested(schema_of(ModelUse)))


class Quotas(AnySchema):
    quotas = fields.List(fields.Nested(QuotaSchema))


class RetentionSchema(AnySchema):
    id = fields.Integer()
    experiments = fields.String(metadata={"description": "A name or a pattern of names."})
    what = fields.String(metadata={"description": "runs, points, files or models"})
    days = fields.Integer()
    states = fields.List(fields.String())
    author = fields.String()
    created = fields.Integer()


class RetentionPolicies(AnySchema):
    policies = fields.List(fields.Nested(RetentionSchema))


class EffectSchema(AnySchema):
    policy = fields.Integer()
    things = fields.Integer(metadata={"description": "Runs or logged models."})
    bytes = fields.Integer()
    kept = fields.Integer(metadata={"description": "Old enough, but held or needed."})


class TrashSchema(AnySchema):
    runs = fields.Integer()
    models = fields.Integer()
    bytes = fields.Integer()
    kept = fields.Integer()


class Preview(AnySchema):
    policies = fields.List(fields.Nested(EffectSchema))
    trash = fields.Nested(TrashSchema)
    folders = fields.List(fields.Nested(schema_of(gc.Waiting)))


class Holds(AnySchema):
    holds = fields.List(fields.Nested(HoldSchema))


@routes.get("/storage")
@allow(ADMIN)
@routes.response(200, Use)
def storage() -> _Json:
    """What the last count found, the largest first."""
    db = services().db
    return {
        "total": _first(count.totals(db, count.ALL)),
        "other": _first(count.totals(db, count.OTHER)),
        "experiments": count.totals(db, count.EXPERIMENT),
        "users": count.totals(db, count.USER),
        "models": by_model(db),
    }


@routes.get("/experiments/<experiment_id>/storage")
@allow(READ)
@routes.response(200, TotalSchema)
def of_experiment(experiment_id: str) -> count.Total:
    """What the last count found in one experiment."""
    db = services().db
    name = get_experiment(db, experiment_id).experiment_id
    return count.total(db, count.EXPERIMENT, name)


@routes.get("/quotas")
@allow(ADMIN)
@routes.response(200, Quotas)
def list_quotas() -> _Json:
    return {"quotas": quotas.list_quotas(services().db)}


@routes.put("/quotas/<kind>/<name>")
@allow(ADMIN)
@routes.arguments(NewQuota)
@routes.response(200, QuotaSchema)
def set_quota(asked: _Json, kind: str, name: str) -> quotas.Limit:
    """How much an experiment (its id) or a user may store; * is for all without their own."""
    return quotas.set_quota(services().db, kind, name, size=asked["bytes"])


@routes.delete("/quotas/<kind>/<name>")
@allow(ADMIN)
@routes.response(204)
def delete_quota(kind: str, name: str) -> None:
    quotas.delete_quota(services().db, kind, name)


@routes.get("/retention")
@allow(ADMIN)
@routes.response(200, RetentionPolicies)
def list_policies() -> _Json:
    return {"policies": [_policy(each) for each in retention.list_policies(services().db)]}


@routes.post("/retention")
@allow(ADMIN)
@routes.arguments(NewPolicy)
@routes.response(201, RetentionSchema)
def add_policy(asked: _Json) -> _Json:
    """How long things are kept in experiments; `podium retention --apply` does it."""
    glob = asked.pop("experiments")
    return _policy(retention.add_policy(services().db, glob=glob, **asked))


@routes.delete("/retention/<int:policy_id>")
@allow(ADMIN)
@routes.response(204)
def delete_policy(policy_id: int) -> None:
    retention.delete_policy(services().db, policy_id)


@routes.get("/retention/preview")
@allow(ADMIN)
@routes.response(200, Preview)
def preview() -> _Json:
    """What policies and the emptying of the trash would remove now, and what waits to go."""
    db = services().db
    return {
        "policies": [_effect(each) for each in retention.look(db)],
        "trash": trash.look(db),
        "folders": gc.waiting(db),
    }


@routes.get("/holds")
@allow(ADMIN)
@routes.response(200, Holds)
def list_holds() -> _Json:
    return {"holds": holds.list_holds(services().db)}


@routes.put("/holds")
@allow(ADMIN)
@routes.arguments(NewHold)
@routes.response(200, HoldSchema)
def hold(asked: _Json) -> holds.Hold:
    """Let nothing remove ``run:<run_id>`` or ``experiment:<id>``."""
    return holds.hold(services().db, asked["subject"], reason=asked["reason"])


@routes.delete("/holds/<kind>/<name>")
@allow(ADMIN)
@routes.response(204)
def lift(kind: str, name: str) -> None:
    holds.lift(services().db, f"{kind}:{name}")


def _first(found: list[count.Total]) -> count.Total | None:
    return found[0] if found else None


def _policy(found: Policy) -> _Json:
    told = asdict(found)
    return {**told, "experiments": told.pop("glob")}


def _effect(found: Effect) -> _Json:
    return {**asdict(found), "policy": found.policy.id}
