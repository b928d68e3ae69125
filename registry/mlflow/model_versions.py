"""/mlflow/model-versions/… and /model-versions/get-artifact"""

from __future__ import annotations

from flask import Blueprint, Response
from podium.tracker.auth.caller import caller
from podium.tracker.auth.permissions import READ, REGISTER, allow
from podium.tracker.download import send
from podium.tracker.mlflow.experiments import Pair
from podium.tracker.mlflow.render import Json, page
from podium.tracker.rest import takes
from podium.tracker.schema import Flag, Int64, Items, Object, Schema, Text
from podium.tracker.services import services

from .. import version_files, versions
from ..promotion.services import outside
from . import render

routes = Blueprint("model-versions", __name__, url_prefix="/2.0/mlflow/model-versions")
plain = Blueprint("model-version-files", __name__, url_prefix="/model-versions")


class Create(Schema):
    name = Text(required=True)
    source = Text(required=True)
    run_id = Text(load_default=None)
    tags = Items(Object(Pair), load_default=[])
    run_link = Text(load_default="")
    description = Text(load_default="")
    model_id = Text(load_default=None)


class ByVersion(Schema):
    name = Text(required=True)
    version = Text(required=True)


class Update(ByVersion):
    description = Text(load_default="")


class Transition(ByVersion):
    stage = Text(required=True)
    archive_existing_versions = Flag(load_default=False)


class Search(Schema):
    filter = Text(load_default="")
    max_results = Int64(load_default=200_000)
    order_by = Items(Text(), load_default=[])
    page_token = Text(load_default="")


class SetTag(ByVersion, Pair):
    pass


class DeleteTag(ByVersion):
    key = Text(required=True)


class File(ByVersion):
    path = Text(required=True)


@routes.post("/create")
@allow(REGISTER)
@takes(Create)
def create(asked: Json) -> Json:
    tags = [(pair["key"], pair["value"]) for pair in asked.pop("tags")]
    made = versions.create_version(services().db, tags=tags, user_id=caller().name, **asked)
    return {"model_version": render.model_version(made)}


@routes.get("/get")
@allow(READ)
@takes(ByVersion)
def get(asked: Json) -> Json:
    found = versions.get_version(services().db, **asked)
    return {"model_version": render.model_version(found)}


@routes.patch("/update")
@allow(REGISTER)
@takes(Update)
def update(asked: Json) -> Json:
    found = versions.update_version(services().db, **asked)
    return {"model_version": render.model_version(found)}


@routes.post("/transition-stage")
@allow(REGISTER)
@takes(Transition)
def transition_stage(asked: Json) -> Json:
    archive_existing = asked.pop("archive_existing_versions")
    found = versions.transition_version(
        services().db, archive_existing=archive_existing, outside=outside(), **asked
    )
    return {"model_version": render.model_version(found)}


@routes.delete("/delete")
@allow(REGISTER)
@takes(ByVersion)
def delete(asked: Json) -> Json:
    versions.delete_version(services().db, **asked)
    return {}


@routes.get("/get-download-uri")
@allow(READ)
@takes(ByVersion)
def get_download_uri(asked: Json) -> Json:
    return {"artifact_uri": versions.download_uri(services().db, **asked)}


@routes.get("/search")
@allow(READ)
@takes(Search)
def search(asked: Json) -> Json:
    found = versions.search_versions(
        services().db, page_token=asked.pop("page_token") or None, **asked
    )
    items = [render.model_version(each) for each in found.items]
    return page("model_versions", items, found.next_page_token)


@routes.post("/set-tag")
@allow(REGISTER)
@takes(SetTag)
def set_tag(asked: Json) -> Json:
    versions.set_version_tag(services().db, **asked)
    return {}


@routes.delete("/delete-tag")
@allow(REGISTER)
@takes(DeleteTag)
def delete_tag(asked: Json) -> Json:
    versions.delete_version_tag(services().db, **asked)
    return {}


@plain.get("/get-artifact")
@allow(READ)
@takes(File)
def get_artifact(asked: Json) -> Response:
    return send(services(), version_files.file_of(services().db, **asked))
