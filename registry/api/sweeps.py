"""/api/v1/sweeps: searches for the best values, a launch a trial."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.client.errors import BadRequest
from podium.client.sweeps import Sweep, SweepTrial
from podium.tracker.auth.permissions import READ, REGISTER, allow
from podium.tracker.schema import Flag, Int64, Schema, Text
from podium.tracker.services import services

from ..launches.sites import require_site
from ..sweeps import read, start
from .blueprint import Blueprint, json_object
from .entities import schema_of

routes = Blueprint("sweeps", __name__, url_prefix="/api/v1/sweeps")

_Json = dict[str, Any]


class Listing(Schema):
    name = Text(load_default=None)
    run_id = Text(load_default=None)
    active = Flag(load_default=None)
    max_results = Int64(load_default=100)
    page_token = Text(load_default="")


class TrialListing(Schema):
    max_results = Int64(load_default=100)
    page_token = Text(load_default="")


class SweepSpecSchema(AnySchema):
    spec = fields.Dict(
        required=True, metadata={"description": "As in a file: `podium sweep example`."}
    )


SweepSchema = schema_of(Sweep)


class SweepPage(AnySchema):
    sweeps = fields.List(fields.Nested(SweepSchema))
    next_page_token = fields.String()


class TrialPage(AnySchema):
    trials = fields.List(fields.Nested(schema_of(SweepTrial)))
    next_page_token = fields.String()


@routes.get("")
@allow(READ)
@routes.arguments(Listing, location="query")
@routes.response(200, SweepPage)
def listing(asked: _Json) -> _Json:
    """Sweeps, newest first: of a model or a name, the one of a run, or all."""
    page = read.list_sweeps(services().db, **asked)
    token = {"next_page_token": page.next_page_token} if page.next_page_token else {}
    return {"sweeps": page.items} | token


@routes.post("")
@allow(REGISTER)
@routes.doc(requestBody={"content": {"application/json": {"schema": SweepSpecSchema}}})
@routes.response(201, SweepSchema)
def begin() -> Sweep:
    """Begin a sweep. What is wrong with its spec is said at once, a line each."""
    found = services()
    site = require_site(found.config.launch_site)
    said = json_object().get("spec")
    if not isinstance(said, dict):
        raise BadRequest("'spec' must be a JSON object: podium sweep example prints one.")
    return start.start(found.db, site, said, artifacts=found.config.artifacts)


@routes.get("/<sweep_id>")
@allow(READ)
@routes.response(200, SweepSchema)
def sweep(sweep_id: str) -> Sweep:
    return read.get_sweep(services().db, sweep_id)


@routes.get("/<sweep_id>/trials")
@allow(READ)
@routes.arguments(TrialListing, location="query")
@routes.response(200, TrialPage)
def trials(asked: _Json, sweep_id: str) -> _Json:
    """Its trials, in the order of their numbers."""
    page = read.list_trials(services().db, sweep_id, **asked)
    token = {"next_page_token": page.next_page_token} if page.next_page_token else {}
    return {"trials": page.items} | token


@routes.post("/<sweep_id>/stop")
@allow(REGISTER)
@routes.response(200, SweepSchema)
def stop(sweep_id: str) -> Sweep:
    """Begin no more trials, and stop those under way."""
    return start.stop(services().db, sweep_id)
