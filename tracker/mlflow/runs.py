"""/mlflow/runs/…"""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from podium.client.entities import Metric, RunStatus, ViewType

from .. import runs
from ..auth.permissions import LOG, READ, allow
from ..metrics import PointTable
from ..rest import arguments
from ..schema import Choice, Int64, Items, Number, Object, Schema, Text
from ..services import services
from ..telemetry import POINTS
from . import render
from .experiments import Pair
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


class Point(Schema):
    key = Text(required=True)
    value = Number(required=True)
    timestamp = Int64(required=True)
    step = Int64(load_default=0)


class LogMetric(ById, Point):
    pass


class LogPair(ById, Pair):
    pass


class Points(Items):
    """Of metrics; usually all of them are well, and then none is looked at on its own."""

    def __init__(self) -> None:
        super().__init__(Object(Point), load_default=PointTable.of_metrics([]))

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        points = PointTable.of_json(value) if isinstance(value, list) else None
        if points is None:
            checked: Any = super()._deserialize(value, *args, **options)
            points = PointTable.of_metrics([Metric(**point) for point in checked])
        return points


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
def create() -> Json:
    asked = arguments(Create)
    tags = dict(_pairs(asked.pop("tags")))
    return {"run": render.run(runs.create_run(services().db, tags=tags, **asked))}


@routes.get("/get")
@allow(READ)
def get() -> Json:
    return {"run": render.run(runs.get_run(services().db, **arguments(ById)))}


@routes.post("/update")
@allow(LOG)
def update() -> Json:
    return {"run_info": render.run(runs.update_run(services().db, **arguments(Update)))["info"]}


@routes.post("/delete")
@allow(LOG)
def delete() -> Json:
    runs.delete_run(services().db, **arguments(ById))
    return {}


@routes.post("/restore")
@allow(LOG)
def restore() -> Json:
    runs.restore_run(services().db, **arguments(ById))
    return {}


@routes.post("/log-metric")
@allow(LOG)
def log_metric() -> Json:
    asked = arguments(LogMetric)
    runs.log_batch(services().db, asked.pop("run_id"), metrics=[Metric(**asked)])
    POINTS.labels("mlflow").inc()
    return {}


@routes.post("/log-parameter")
@allow(LOG)
def log_parameter() -> Json:
    asked = arguments(LogPair)
    runs.log_batch(services().db, asked["run_id"], params=_pairs([asked]))
    return {}


@routes.post("/set-tag")
@allow(LOG)
def set_tag() -> Json:
    asked = arguments(LogPair)
    runs.log_batch(services().db, asked["run_id"], tags=_pairs([asked]))
    return {}


@routes.post("/delete-tag")
@allow(LOG)
def delete_tag() -> Json:
    runs.delete_tag(services().db, **arguments(DeleteTag))
    return {}


@routes.post("/log-batch")
@allow(LOG)
def log_batch() -> Json:
    asked = arguments(LogBatch)
    runs.log_batch(
        services().db,
        asked["run_id"],
        metrics=asked["metrics"],
        params=_pairs(asked["params"]),
        tags=_pairs(asked["tags"]),
    )
    POINTS.labels("mlflow").inc(len(asked["metrics"]))
    return {}


@routes.post("/search")
@allow(READ)
def search() -> Json:
    asked = arguments(Search)
    page = runs.search_runs(
        services().db,
        view=asked.pop("run_view_type"),
        page_token=asked.pop("page_token") or None,
        **asked,
    )
    return render.page("runs", [render.run(each) for each in page.items], page.next_page_token)


def _pairs(found: list[Json]) -> list[tuple[str, str]]:
    return [(pair["key"], pair["value"]) for pair in found]
