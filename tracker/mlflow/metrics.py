"""/mlflow/metrics/…"""

from __future__ import annotations

from flask import Blueprint

from .. import series
from ..auth.permissions import READ, allow
from ..rest import takes
from ..schema import Int64, Items, Schema, Text
from ..services import services
from . import render
from .render import Json

routes = Blueprint("metrics", __name__, url_prefix="/2.0/mlflow/metrics")


class History(Schema):
    run_id = Text(required=True)
    metric_key = Text(required=True)
    max_results = Int64(load_default=None)
    page_token = Text(load_default="")


class Bulk(Schema):
    run_id = Items(Text(), required=True)
    metric_key = Text(required=True)
    max_results = Int64(load_default=series.MAX_HISTORY_PAGE)


class Sample(Schema):
    run_ids = Items(Text(), required=True)
    metric_key = Text(required=True)
    start_step = Int64(load_default=None)
    end_step = Int64(load_default=None)
    max_results = Int64(load_default=series.MAX_SAMPLES)


@routes.get("/get-history")
@allow(READ)
@takes(History)
def get_history(asked: Json) -> Json:
    page = series.metric_history(
        services().db,
        asked["run_id"],
        asked["metric_key"],
        max_results=asked["max_results"],
        page_token=asked["page_token"] or None,
    )
    return render.page(
        "metrics", [render.metric(each) for each in page.items], page.next_page_token
    )


@routes.get("/get-history-bulk")
@allow(READ)
@takes(Bulk)
def get_history_bulk(asked: Json) -> Json:
    found = series.joined_histories(
        services().db, asked["run_id"], asked["metric_key"], max_results=asked["max_results"]
    )
    return {"metrics": [{**render.metric(point), "run_id": run_id} for run_id, point in found]}


@routes.get("/get-history-bulk-interval")
@allow(READ)
@takes(Sample)
def get_history_bulk_interval(asked: Json) -> Json:
    found = series.sampled_histories(
        services().db,
        asked["run_ids"],
        asked["metric_key"],
        first_step=asked["start_step"],
        last_step=asked["end_step"],
        max_results=asked["max_results"],
    )
    points = [
        {**render.metric(point), "run_id": run_id}
        for run_id, metrics in found.items()
        for point in metrics
    ]
    return render.page("metrics", points, None)
