"""/mlflow/runs/…"""

from __future__ import annotations

from flask import Blueprint, request
from podium.client.entities import (
    Dataset,
    DatasetInput,
    ModelOutput,
    RunStatus,
    ViewType,
)

from .. import runs
from ..auth.permissions import LOG, READ, allow
from ..instruments import BYTES, POINTS
from ..rest import takes
from ..schema import Choice, Int64, Items, Object, Schema, Text
from ..services import services
from . import render
from .experiments import Pair
from .measured import Measured, Point, Points
from .render import Json

routes = Blueprint("runs", __name__, url_prefix="/2.0/mlflow/runs")


class ById(Schema):
    run_id = Text(required=True)


class Create(Schema):
    """``run_id`` and ``experiment_name`` are Podium's own: see docs/mlflow.md."""

    run_id = Text(load_default=None)
    experiment_id = Text(load_default=None)
    experiment_name = Text(load_default=None)
    user_id = Text(load_default="")
    run_name = Text(load_default=None)
    start_time = Int64(load_default=None)
    tags = Items(Object(Pair), load_default=[])


class Update(ById):
    status = Choice(RunStatus, load_default=None)
    end_time = Int64(load_default=None)
    run_name = Text(load_default=None)


class LogMetric(ById, Point):
    pass


class InputDataset(Schema):
    name = Text(required=True)
    digest = Text(required=True)
    source_type = Text(required=True)
    source = Text(required=True)
    schema = Text(load_default=None)
    profile = Text(load_default=None)


class Input(Schema):
    dataset = Object(InputDataset, required=True)
    tags = Items(Object(Pair), load_default=[])


class InputModel(Schema):
    model_id = Text(required=True)


class LogInputs(ById):
    datasets = Items(Object(Input), load_default=[])
    models = Items(Object(InputModel), load_default=[])


class OutputModel(InputModel):
    step = Int64(load_default=0)


class LogOutputs(ById):
    models = Items(Object(OutputModel), required=True)


class LogModel(ById):
    model_json = Text(required=True)


class LogPair(ById, Pair):
    pass


class LogBatch(ById):
    metrics = Points()
    params = Items(Object(Pair), load_default=[])
    tags = Items(Object(Pair), load_default=[])


class DeleteTag(ById):
    key = Text(required=True)


class Search(Schema):
    experiment_ids = Items(Text(), load_default=[])
    filter = Text(load_default="")
    run_view_type = Choice(ViewType, load_default=ViewType.ACTIVE_ONLY)
    max_results = Int64(load_default=1000)
    order_by = Items(Text(), load_default=[])
    page_token = Text(load_default="")


@routes.post("/create")
@allow(LOG)
@takes(Create)
def create(asked: Json) -> Json:
    tags = dict(render.tuples(asked.pop("tags")))
    return {"run": render.run(runs.create_run(services().db, tags=tags, **asked))}


@routes.get("/get")
@allow(READ)
@takes(ById)
def get(asked: Json) -> Json:
    return {"run": render.run(runs.get_run(services().db, **asked))}


@routes.post("/update")
@allow(LOG)
@takes(Update)
def update(asked: Json) -> Json:
    return {"run_info": render.run(runs.update_run(services().db, **asked))["info"]}


@routes.post("/delete")
@allow(LOG)
@takes(ById)
def delete(asked: Json) -> Json:
    runs.delete_run(services().db, **asked)
    return {}


@routes.post("/restore")
@allow(LOG)
@takes(ById)
def restore(asked: Json) -> Json:
    runs.restore_run(services().db, **asked)
    return {}


@routes.post("/log-metric")
@allow(LOG)
@takes(LogMetric)
def log_metric(asked: Json) -> Json:
    run_id = asked.pop("run_id")
    measured = Measured.of([asked])
    runs.log_batch(services().db, run_id, metrics=measured.points, model_metrics=measured.of_models)
    _count(1)
    return {}


@routes.post("/log-parameter")
@allow(LOG)
@takes(LogPair)
def log_parameter(asked: Json) -> Json:
    runs.log_batch(services().db, asked["run_id"], params=render.tuples([asked]))
    return {}


@routes.post("/set-tag")
@allow(LOG)
@takes(LogPair)
def set_tag(asked: Json) -> Json:
    runs.log_batch(services().db, asked["run_id"], tags=render.tuples([asked]))
    return {}


@routes.post("/delete-tag")
@allow(LOG)
@takes(DeleteTag)
def delete_tag(asked: Json) -> Json:
    runs.delete_tag(services().db, **asked)
    return {}


@routes.post("/log-batch")
@allow(LOG)
@takes(LogBatch)
def log_batch(asked: Json) -> Json:
    runs.log_batch(
        services().db,
        asked["run_id"],
        metrics=asked["metrics"].points,
        model_metrics=asked["metrics"].of_models,
        params=render.tuples(asked["params"]),
        tags=render.tuples(asked["tags"]),
    )
    _count(len(asked["metrics"].points))
    return {}


def _count(points: int) -> None:
    if points:
        POINTS.labels("mlflow").inc(points)
        BYTES.labels("mlflow").inc(request.content_length or 0)


@routes.post("/log-inputs")
@allow(LOG)
@takes(LogInputs)
def log_inputs(asked: Json) -> Json:
    runs.log_inputs(
        services().db,
        asked["run_id"],
        inputs=[_dataset_input(each) for each in asked["datasets"]],
        models=[each["model_id"] for each in asked["models"]],
    )
    return {}


@routes.post("/outputs")
@allow(LOG)
@takes(LogOutputs)
def log_outputs(asked: Json) -> Json:
    models = [ModelOutput(**each) for each in asked["models"]]
    runs.log_outputs(services().db, asked["run_id"], models)
    return {}


@routes.post("/log-model")
@allow(LOG)
@takes(LogModel)
def log_model(asked: Json) -> Json:
    runs.record_model(services().db, **asked)
    return {}


@routes.post("/search")
@allow(READ)
@takes(Search)
def search(asked: Json) -> Json:
    page = runs.search_runs(
        services().db,
        view=asked.pop("run_view_type"),
        page_token=asked.pop("page_token") or None,
        **asked,
    )
    return render.page("runs", [render.run(each) for each in page.items], page.next_page_token)


def _dataset_input(asked: Json) -> DatasetInput:
    return DatasetInput(Dataset(**asked["dataset"]), dict(render.tuples(asked["tags"])))
