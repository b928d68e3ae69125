"""/mlflow/logged-models…"""

from __future__ import annotations

from enum import StrEnum

from flask import Blueprint, Response
from podium.client.entities import ModelStatus
from podium.client.errors import BadRequest

from .. import logged_models as models
from .. import run_files
from ..auth.permissions import LOG, READ, allow
from ..download import send
from ..logged_models import files
from ..rest import takes
from ..schema import Choice, Flag, Int64, Items, Object, Schema, Text
from ..services import services
from . import render
from .experiments import Pair
from .render import Json

routes = Blueprint("logged-models", __name__, url_prefix="/2.0/mlflow/logged-models")


class Status(StrEnum):
    """:class:`ModelStatus` in the words of the protocol, and in its order."""

    PENDING = "LOGGED_MODEL_PENDING"
    READY = "LOGGED_MODEL_READY"
    FAILED = "LOGGED_MODEL_UPLOAD_FAILED"


class Create(Schema):
    experiment_id = Text(required=True)
    name = Text(load_default=None)
    model_type = Text(load_default=None)
    source_run_id = Text(load_default=None)
    params = Items(Object(Pair), load_default=[])
    tags = Items(Object(Pair), load_default=[])


class Get(Schema):
    allow_deleted = Flag(load_default=False)


class Finalize(Schema):
    model_id = Text(load_default=None)
    status = Choice(Status, required=True)


class Params(Schema):
    params = Items(Object(Pair), load_default=[])


class Tags(Schema):
    tags = Items(Object(Pair), load_default=[])


class OnDataset(Schema):
    dataset_name = Text(required=True)
    dataset_digest = Text(load_default="")


class OrderBy(Schema):
    field_name = Text(required=True)
    ascending = Flag(load_default=True)
    dataset_name = Text(load_default="")
    dataset_digest = Text(load_default="")


class Search(Schema):
    experiment_ids = Items(Text(), required=True)
    filter = Text(load_default="")
    datasets = Items(Object(OnDataset), load_default=[])
    order_by = Items(Object(OrderBy), load_default=[])
    max_results = Int64(load_default=100)
    page_token = Text(load_default="")


class Folder(Schema):
    artifact_directory_path = Text(load_default="")


class File(Schema):
    artifact_file_path = Text(required=True)


@routes.post("")
@allow(LOG)
@takes(Create)
def create(asked: Json) -> Json:
    made = models.create_model(
        services().db,
        params=render.tuples(asked.pop("params")),
        tags=dict(render.tuples(asked.pop("tags"))),
        **asked,
    )
    return {"model": render.logged_model(made)}


@routes.get("/<model_id>")
@allow(READ)
@takes(Get)
def get(asked: Json, model_id: str) -> Json:
    deleted = asked["allow_deleted"]
    return {
        "model": render.logged_model(models.get_model(services().db, model_id, deleted=deleted))
    }


@routes.patch("/<model_id>")
@allow(LOG)
@takes(Finalize)
def finalize(asked: Json, model_id: str) -> Json:
    if asked["model_id"] not in (None, model_id):
        raise BadRequest("'model_id' is another one than in the path: leave it out.")
    status = ModelStatus[asked["status"].name]
    return {"model": render.logged_model(models.finalize_model(services().db, model_id, status))}


@routes.delete("/<model_id>")
@allow(LOG)
def delete(model_id: str) -> Json:
    models.delete_model(services().db, model_id)
    return {}


@routes.post("/<model_id>/params")
@allow(LOG)
@takes(Params)
def log_params(asked: Json, model_id: str) -> Json:
    models.log_params(services().db, model_id, render.tuples(asked["params"]))
    return {}


@routes.patch("/<model_id>/tags")
@allow(LOG)
@takes(Tags)
def set_tags(asked: Json, model_id: str) -> Json:
    models.set_tags(services().db, model_id, dict(render.tuples(asked["tags"])))
    return {}


@routes.delete("/<model_id>/tags/<path:key>")
@allow(LOG)
def delete_tag(model_id: str, key: str) -> Json:
    models.delete_tag(services().db, model_id, key)
    return {}


@routes.post("/search")
@allow(READ)
@takes(Search)
def search(asked: Json) -> Json:
    page = models.search_models(
        services().db,
        datasets=[_dataset(each) for each in asked.pop("datasets")],
        order_by=[_term(index, each) for index, each in enumerate(asked.pop("order_by"))],
        page_token=asked.pop("page_token") or None,
        max_results=asked.pop("max_results") or 100,
        **asked,
    )
    items = [render.logged_model(each) for each in page.items]
    return render.page("models", items, page.next_page_token)


@routes.get("/<model_id>/artifacts/directories")
@allow(READ)
@takes(Folder)
def list_artifacts(asked: Json, model_id: str) -> Json:
    folder = asked["artifact_directory_path"]
    db, store = services().db, services().store
    found = run_files.list_below(store, files.root_of(db, model_id), folder)
    uri = files.uri_of(db, model_id)
    return {"root_uri": uri, **render.page("files", render.files(found), None)}


@routes.get("/<model_id>/artifacts/files")
@allow(READ)
@takes(File)
def get_artifact(asked: Json, model_id: str) -> Response:
    path = asked["artifact_file_path"]
    return send(services(), files.file_of(services().db, model_id, path))


def _dataset(asked: Json) -> models.OnDataset:
    return models.OnDataset(asked["dataset_name"], asked["dataset_digest"])


def _term(index: int, asked: Json) -> models.OrderTerm:
    dataset = _dataset(asked) if asked["dataset_name"] else None
    if dataset is None and asked["dataset_digest"]:
        raise BadRequest(
            f"Missing value for required parameter 'order_by[{index}].dataset_name': "
            "'dataset_digest' can only be specified if 'dataset_name' is also specified."
        )
    return models.OrderTerm(asked["field_name"], asked["ascending"], dataset)
