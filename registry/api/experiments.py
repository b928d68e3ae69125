"""/api/v1/experiments/<id>/…: what a table of runs is filtered and filled with."""

from __future__ import annotations

from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.runs.search import RUNS
from podium.tracker.runs.table import Keys, keys_of
from podium.tracker.services import services

from .blueprint import Blueprint

routes = Blueprint("experiments_api", __name__, url_prefix="/api/v1/experiments")


class KeysSchema(AnySchema):
    """`attributes` are those of every run; the others are sorted keys of the newest runs."""

    attributes = fields.List(fields.String())
    metrics = fields.List(fields.String())
    params = fields.List(fields.String())
    tags = fields.List(fields.String())


@routes.get("/<experiment_id>/keys")
@allow(READ)
@routes.response(200, KeysSchema)
def keys(experiment_id: str) -> dict[str, object]:
    """What the runs of an experiment can be filtered by."""
    found: Keys = keys_of(services().db, experiment_id)
    return {
        "attributes": sorted(RUNS.attributes),
        "metrics": found.metrics,
        "params": found.params,
        "tags": found.tags,
    }
