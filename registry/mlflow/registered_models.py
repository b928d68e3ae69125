"""/mlflow/registered-models/…"""

from __future__ import annotations

from flask import Blueprint
from podium.tracker.auth.caller import caller
from podium.tracker.auth.permissions import READ, REGISTER, allow
from podium.tracker.mlflow.experiments import Pair
from podium.tracker.mlflow.render import Json, page
from podium.tracker.rest import takes
from podium.tracker.schema import Int64, Items, Object, Schema, Text
from podium.tracker.services import services

from .. import registered, renaming, versions
from . import render

routes = Blueprint("registered-models", __name__, url_prefix="/2.0/mlflow/registered-models")


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
@takes(Create)
def create(asked: Json) -> Json:
    tags = [(pair["key"], pair["value"]) for pair in asked.pop("tags")]
    made = registered.create_model(services().db, tags=tags, user_id=caller().name, **asked)
    return {"registered_model": render.registered_model(made)}


@routes.get("/get")
@allow(READ)
@takes(ByName)
def get(asked: Json) -> Json:
    found = registered.get_model(services().db, **asked)
    return {"registered_model": render.registered_model(found)}


@routes.post("/rename")
@allow(REGISTER)
@takes(Rename)
def rename(asked: Json) -> Json:
    found = renaming.rename_model(services().db, **asked)
    return {"registered_model": render.registered_model(found)}


@routes.patch("/update")
@allow(REGISTER)
@takes(Update)
def update(asked: Json) -> Json:
    found = registered.update_model(services().db, **asked)
    return {"registered_model": render.registered_model(found)}


@routes.delete("/delete")
@allow(REGISTER)
@takes(ByName)
def delete(asked: Json) -> Json:
    registered.delete_model(services().db, **asked)
    return {}


@routes.get("/search")
@allow(READ)
@takes(Search)
def search(asked: Json) -> Json:
    found = registered.search_models(
        services().db, page_token=asked.pop("page_token") or None, **asked
    )
    items = [render.registered_model(each) for each in found.items]
    return page("registered_models", items, found.next_page_token)


@routes.route("/get-latest-versions", methods=["GET", "POST"])
@allow(READ)
@takes(Latest)
def get_latest_versions(asked: Json) -> Json:
    found = versions.latest_versions(services().db, **asked)
    return page("model_versions", [render.model_version(each) for each in found], None)


@routes.post("/set-tag")
@allow(REGISTER)
@takes(SetTag)
def set_tag(asked: Json) -> Json:
    registered.set_model_tag(services().db, **asked)
    return {}


@routes.delete("/delete-tag")
@allow(REGISTER)
@takes(DeleteTag)
def delete_tag(asked: Json) -> Json:
    registered.delete_model_tag(services().db, **asked)
    return {}
