"""/mlflow/registered-models/…"""

from __future__ import annotations

from flask import Blueprint
from podium.tracker.auth.caller import caller
from podium.tracker.auth.permissions import READ, REGISTER, allow
from podium.tracker.mlflow.render import Json, page
from podium.tracker.rest import arguments
from podium.tracker.schema import Int64, Items, Object, Schema, Text
from podium.tracker.services import services

from .. import registered, versions
from . import render

routes = Blueprint("registered-models", __name__, url_prefix="/2.0/mlflow/registered-models")


class Pair(Schema):
    key = Text(required=True)
    value = Text(load_default="")


class ByName(Schema):
    name = Text(required=True)


class Create(ByName):
    tags = Items(Object(Pair), load_default=[])
    description = Text(load_default="")


class Rename(ByName):
    new_name = Text(required=True)


class Update(ByName):
    description = Text(load_default="")


class Search(Schema):
    filter = Text(load_default="")
    max_results = Int64(load_default=100)
    order_by = Items(Text(), load_default=[])
    page_token = Text(load_default="")


class Latest(ByName):
    stages = Items(Text(), load_default=[])


class SetTag(ByName, Pair):
    pass


class DeleteTag(ByName):
    key = Text(required=True)


@routes.post("/create")
@allow(REGISTER)
def create() -> Json:
    asked = arguments(Create)
    tags = [(pair["key"], pair["value"]) for pair in asked.pop("tags")]
    made = registered.create_model(services().db, tags=tags, user_id=caller().name, **asked)
    return {"registered_model": render.registered_model(made)}


@routes.get("/get")
@allow(READ)
def get() -> Json:
    found = registered.get_model(services().db, **arguments(ByName))
    return {"registered_model": render.registered_model(found)}


@routes.post("/rename")
@allow(REGISTER)
def rename() -> Json:
    found = registered.rename_model(services().db, **arguments(Rename))
    return {"registered_model": render.registered_model(found)}


@routes.patch("/update")
@allow(REGISTER)
def update() -> Json:
    found = registered.update_model(services().db, **arguments(Update))
    return {"registered_model": render.registered_model(found)}


@routes.delete("/delete")
@allow(REGISTER)
def delete() -> Json:
    registered.delete_model(services().db, **arguments(ByName))
    return {}


@routes.get("/search")
@allow(READ)
def search() -> Json:
    asked = arguments(Search)
    found = registered.search_models(
        services().db, page_token=asked.pop("page_token") or None, **asked
    )
    items = [render.registered_model(each) for each in found.items]
    return page("registered_models", items, found.next_page_token)


@routes.route("/get-latest-versions", methods=["GET", "POST"])
@allow(READ)
def get_latest_versions() -> Json:
    found = versions.latest_versions(services().db, **arguments(Latest))
    return page("model_versions", [render.model_version(each) for each in found], None)


@routes.post("/set-tag")
@allow(REGISTER)
def set_tag() -> Json:
    registered.set_model_tag(services().db, **arguments(SetTag))
    return {}


@routes.delete("/delete-tag")
@allow(REGISTER)
def delete_tag() -> Json:
    registered.delete_model_tag(services().db, **arguments(DeleteTag))
    return {}
