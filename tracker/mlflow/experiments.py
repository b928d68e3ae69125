"""/mlflow/experiments/…"""

from __future__ import annotations

from flask import Blueprint
from podium.client.entities import ViewType

from .. import datasets, experiments
from ..auth.permissions import LOG, READ, allow
from ..rest import takes
from ..schema import Choice, Int64, Items, Object, Schema, Text
from ..services import services
from . import render
from .render import Json

routes = Blueprint("experiments", __name__, url_prefix="/2.0/mlflow/experiments")


class Pair(Schema):
    key = Text(required=True)
    value = Text(load_default="")


class Create(Schema):
    name = Text(required=True)
    artifact_location = Text(load_default=None)
    tags = Items(Object(Pair), load_default=[])


class ById(Schema):
    experiment_id = Text(required=True)


class ByName(Schema):
    experiment_name = Text(required=True)


class Update(ById):
    new_name = Text(required=True)


class SetTag(ById, Pair):
    pass


class DeleteTag(ById):
    key = Text(required=True)


class Search(Schema):
    max_results = Int64(load_default=0)
    page_token = Text(load_default="")
    filter = Text(load_default="")
    order_by = Items(Text(), load_default=[])
    view_type = Choice(ViewType, load_default=ViewType.ACTIVE_ONLY)


class OfExperiments(Schema):
    experiment_ids = Items(Text(), load_default=[])


@routes.post("/create")
@allow(LOG)
@takes(Create)
def create(asked: Json) -> Json:
    tags = {pair["key"]: pair["value"] for pair in asked.pop("tags")}
    made = experiments.create_experiment(services().db, tags=tags, **asked)
    return {"experiment_id": made.experiment_id}


@routes.get("/get")
@allow(READ)
@takes(ById)
def get(asked: Json) -> Json:
    found = experiments.get_experiment(services().db, **asked)
    return {"experiment": render.experiment(found)}


@routes.get("/get-by-name")
@allow(READ)
@takes(ByName)
def get_by_name(asked: Json) -> Json:
    name = asked["experiment_name"]
    return {
        "experiment": render.experiment(experiments.get_experiment_by_name(services().db, name))
    }


@routes.post("/update")
@allow(LOG)
@takes(Update)
def update(asked: Json) -> Json:
    experiments.rename_experiment(services().db, **asked)
    return {}


@routes.post("/delete")
@allow(LOG)
@takes(ById)
def delete(asked: Json) -> Json:
    experiments.delete_experiment(services().db, **asked)
    return {}


@routes.post("/restore")
@allow(LOG)
@takes(ById)
def restore(asked: Json) -> Json:
    experiments.restore_experiment(services().db, **asked)
    return {}


@routes.route("/search", methods=["GET", "POST"])
@allow(READ)
@takes(Search)
def search(asked: Json) -> Json:
    page = experiments.search_experiments(
        services().db,
        view=asked.pop("view_type"),
        page_token=asked.pop("page_token") or None,
        **asked,
    )
    items = [render.experiment(each) for each in page.items]
    return render.page("experiments", items, page.next_page_token)


@routes.post("/search-datasets")
@allow(READ)
@takes(OfExperiments)
def search_datasets(asked: Json) -> Json:
    found = datasets.search_datasets(services().db, **asked)
    return render.page("dataset_summaries", [render.dataset_summary(each) for each in found], None)


@routes.post("/set-experiment-tag")
@allow(LOG)
@takes(SetTag)
def set_experiment_tag(asked: Json) -> Json:
    experiments.set_experiment_tag(services().db, **asked)
    return {}


@routes.post("/delete-experiment-tag")
@allow(LOG)
@takes(DeleteTag)
def delete_experiment_tag(asked: Json) -> Json:
    experiments.delete_experiment_tag(services().db, **asked)
    return {}
