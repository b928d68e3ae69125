"""/api/v1/launches and /api/v1/launch-rules: what is launched, by whom, and how it goes."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.client.errors import BadRequest
from podium.client.launches import (
    DryRun,
    ForeignObject,
    Launch,
    LaunchEvent,
    LaunchPreview,
    Orphans,
    RunUsage,
)
from podium.tracker import runs
from podium.tracker.auth.permissions import ADMIN, READ, REGISTER, allow
from podium.tracker.schema import Flag, Int64, Schema, Text
from podium.tracker.services import services

from ..launches import dry_run as trying
from ..launches import live, orphans, preview, read, rules, start
from ..launches.sites import read_site, require_site
from .blueprint import Blueprint, json_object
from .entities import schema_of

routes = Blueprint("launches", __name__, url_prefix="/api/v1")

_Json = dict[str, Any]


class Listing(Schema):
    name = Text(load_default=None)
    version = Int64(load_default=None)
    run_id = Text(load_default=None)
    active = Flag(load_default=None)
    max_results = Int64(load_default=100)
    page_token = Text(load_default="")


class LogQuery(Schema):
    pod = Text(load_default="")
    since = Text(load_default="")
    wait = Int64(load_default=0)


class LaunchSpecSchema(AnySchema):
    spec = fields.Dict(
        required=True, metadata={"description": "As in a file: `podium launch example TARGET`."}
    )


class NewLaunchRule(LaunchSpecSchema):
    model = fields.String(required=True, metadata={"description": "A name or a pattern."})
    stage = fields.String(required=True)


LaunchSchema = schema_of(Launch)
LaunchRuleSchema = schema_of(rules.Rule)


class Uids(AnySchema):
    uids = fields.List(
        fields.String(), required=True, metadata={"description": "As the report has them."}
    )


class ForeignObjects(AnySchema):
    objects = fields.List(fields.Nested(schema_of(ForeignObject)))


class LaunchPage(AnySchema):
    launches = fields.List(fields.Nested(LaunchSchema))
    next_page_token = fields.String()


class LaunchEvents(AnySchema):
    events = fields.List(fields.Nested(schema_of(LaunchEvent)))


class LaunchRules(AnySchema):
    rules = fields.List(fields.Nested(LaunchRuleSchema))


_SPEC = {"content": {"application/json": {"schema": LaunchSpecSchema}}}


@routes.get("/launches")
@allow(READ)
@routes.arguments(Listing, location="query")
@routes.response(200, LaunchPage)
def listing(asked: _Json) -> _Json:
    """Launches, newest first: of a model, a version or a run, or all."""
    page = read.list_launches(services().db, **asked)
    token = {"next_page_token": page.next_page_token} if page.next_page_token else {}
    return {"launches": page.items} | token


@routes.post("/launches")
@allow(REGISTER)
@routes.doc(requestBody=_SPEC)
@routes.response(201, LaunchSchema)
def begin() -> Launch:
    """Launch a spec. What is wrong with it is said at once, a line each."""
    found = services()
    site = require_site(found.config.launch_site)
    return start.start(found.db, site, _spec(json_object()), artifacts=found.config.artifacts)


@routes.post("/launches/dry-run")
@allow(REGISTER)
@routes.doc(requestBody=_SPEC)
@routes.response(200, schema_of(DryRun))
def dry_run() -> DryRun:
    """The manifests of a spec, and what the cluster's API server would say to each of them."""
    found = services()
    site = require_site(found.config.launch_site)
    spec = _spec(json_object())
    return trying.dry_run(found.db, site, spec, artifacts=found.config.artifacts)


@routes.get("/launches/<launch_id>")
@allow(READ)
@routes.response(200, LaunchSchema)
def launch(launch_id: str) -> Launch:
    return read.get_launch(services().db, launch_id)


@routes.get("/launches/<launch_id>/events")
@allow(READ)
@routes.response(200, LaunchEvents)
def events(launch_id: str) -> _Json:
    """What happened to it, the first thing first."""
    return {"events": read.launch_events(services().db, launch_id)}


@routes.get("/launches/<launch_id>/logs")
@allow(READ)
@routes.arguments(LogQuery, location="query")
@routes.response(200, schema_of(live.LogPage))
def logs(asked: _Json, launch_id: str) -> live.LogPage:
    """The last lines; with `since`, those after; with `wait`, when there are some."""
    found = services()
    site = read_site(found.config.launch_site)
    return live.read_log(found.db, found.store, site, launch_id, **asked)


@routes.get("/runs/<run_id>/usage")
@allow(READ)
@routes.response(200, schema_of(RunUsage))
def usage(run_id: str) -> RunUsage:
    """What a run has used on clusters, over all the launches that log to it."""
    found = services()
    return read.usage_of_run(found.db, runs.get_run(found.db, run_id).run_id)


@routes.post("/launches/<launch_id>/stop")
@allow(REGISTER)
@routes.response(200, LaunchSchema)
def stop(launch_id: str) -> Launch:
    """Ask that it end."""
    return start.stop(services().db, launch_id)


@routes.get("/launch-orphans")
@allow(ADMIN)
@routes.response(200, schema_of(Orphans))
def find_orphans() -> Orphans:
    """What clusters have of launches nobody here knows, and launches whose objects are gone."""
    found = services()
    return orphans.find(found.db, require_site(found.config.launch_site))


@routes.post("/launch-orphans/delete")
@allow(ADMIN)
@routes.doc(requestBody={"content": {"application/json": {"schema": Uids}}})
@routes.response(200, ForeignObjects)
def delete_orphans() -> _Json:
    """Delete those of these objects that are still what the report tells of."""
    found = services()
    site = require_site(found.config.launch_site)
    uids = json_object().get("uids")
    if not isinstance(uids, list) or not all(isinstance(each, str) for each in uids):
        raise BadRequest("'uids' is missing: a list of the uids of a report.")
    return {"objects": orphans.delete(found.db, site, frozenset(uids))}


@routes.get("/launch-rules")
@allow(ADMIN)
@routes.response(200, LaunchRules)
def all_rules() -> _Json:
    """What is launched when versions come to stages."""
    return {"rules": rules.list_rules(services().db)}


@routes.post("/launch-rules")
@allow(ADMIN)
@routes.doc(requestBody={"content": {"application/json": {"schema": NewLaunchRule}}})
@routes.response(201, LaunchRuleSchema)
def set_rule() -> rules.Rule:
    """Let this hold from now on, in place of the rule for the same model, stage and purpose."""
    found = services()
    site = require_site(found.config.launch_site)
    body = json_object()
    return rules.set_rule(found.db, site, _text(body, "model"), _text(body, "stage"), _spec(body))


@routes.post("/launch-rules/dry-run")
@allow(ADMIN)
@routes.doc(requestBody={"content": {"application/json": {"schema": NewLaunchRule}}})
@routes.response(200, schema_of(DryRun))
def try_rule() -> DryRun:
    """What it would launch for the newest version that it is for; it does not hold yet."""
    found = services()
    site = require_site(found.config.launch_site)
    body = json_object()
    model, stage = _text(body, "model"), _text(body, "stage")
    tried, _ = preview.preview_rule(
        found.db, site, model, stage, _spec(body), artifacts=found.config.artifacts
    )
    return tried


@routes.delete("/launch-rules/<int:rule_id>")
@allow(ADMIN)
@routes.response(204)
def delete_rule(rule_id: int) -> None:
    rules.delete_rule(services().db, rule_id)


@routes.get("/models/<name>/launch-rules")
@allow(READ)
@routes.response(200, LaunchRules)
def rules_for(name: str) -> _Json:
    """What holds for the model of this name, one rule a stage and purpose."""
    return {"rules": rules.rules_for(services().db, name)}


@routes.get("/models/<name>/requests/<int:request_id>/launches")
@allow(READ)
@routes.response(200, schema_of(LaunchPreview))
def preview_request(name: str, request_id: int) -> LaunchPreview:
    """What a promotion that waits would launch, and what the clusters say to that."""
    found = services()
    return preview.preview_request(
        found.db,
        found.config.launch_site,
        name,
        request_id,
        artifacts=found.config.artifacts,
    )


def _spec(body: _Json) -> _Json:
    found = body.get("spec")
    if not isinstance(found, dict):
        raise BadRequest("'spec' must be a JSON object: podium launch example TARGET prints one.")
    return found


def _text(body: _Json, name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str) or not found:
        raise BadRequest(f"'{name}' is missing: it must be a text.")
    return found
