"""/api/v1: points in the binary format, and charts. What Podium's own client and pages speak."""

from __future__ import annotations

import numpy as np
import orjson
from flask import Blueprint, Flask, Response, request
from podium.client import wire
from podium.client.errors import BadRequest
from podium.client.rules import check_run_id

from . import overview, runs, series
from .auth.permissions import LOG, READ, allow
from .instruments import BYTES, POINTS
from .metrics import Window
from .metrics.columns import Floats
from .mlflow.render import Json, number
from .rest import arguments, body_bytes
from .schema import Flag, Int64, Items, Number, Object, Schema, Text
from .services import services

routes = Blueprint("points", __name__, url_prefix="/api/v1")


class Series(Schema):
    run_id = Text(required=True)
    key = Text(required=True)
    received = Int64(load_default=None)


class Charts(Schema):
    series = Items(Object(Series), required=True)
    width = Int64(load_default=1000)
    band = Flag(load_default=False)
    first_step = Int64(load_default=None)
    last_step = Int64(load_default=None)
    first_timestamp = Int64(load_default=None)
    last_timestamp = Int64(load_default=None)


class Heartbeat(Schema):
    interval = Number(required=True)


def register(app: Flask) -> None:
    app.register_blueprint(routes)


@routes.post("/runs/<run_id>/points")
@allow(LOG)
def log_points(run_id: str) -> Json:
    """Store a batch; one that is stored already is acknowledged and changes nothing."""
    if request.mimetype != wire.CONTENT_TYPE:
        raise BadRequest(
            f"Bad Request. Content-Type must be {wire.CONTENT_TYPE}, not {request.mimetype!r}."
        )
    check_run_id(run_id)
    body = body_bytes(wire.MAX_BODY)
    points, new = runs.log_points(services().db, run_id, body)
    if new:
        POINTS.labels("batch").inc(points)
        BYTES.labels("batch").inc(len(body))
    return {"stored": points if new else 0, "duplicate": points > 0 and not new}


@routes.post("/runs/<run_id>/heartbeat")
@allow(LOG)
def heartbeat(run_id: str) -> Json:
    """The run lives; when it has not said so for two intervals it counts as crashed."""
    runs.beat(services().db, check_run_id(run_id), arguments(Heartbeat)["interval"])
    return {}


@routes.post("/charts")
@allow(READ)
def charts() -> Response:
    """Series in columns, thinned to the pixels there are."""
    asked = arguments(Charts)
    wanted = [series.Wanted(**each) for each in asked["series"]]
    window = Window(
        asked["first_step"], asked["last_step"], asked["first_timestamp"], asked["last_timestamp"]
    )
    drawn = series.charts(
        services().db, wanted, width=asked["width"], window=window, banded=asked["band"]
    )
    body = orjson.dumps(
        {"series": [_chart(each) for each in drawn]}, option=orjson.OPT_SERIALIZE_NUMPY
    )
    return Response(body, mimetype="application/json")


@routes.get("/runs/<run_id>/metrics")
@allow(READ)
def metrics(run_id: str) -> Response:
    """Of each metric of a run its last value, its least, its greatest and how many there are."""
    found = overview.metrics_of(services().db, run_id)
    body = orjson.dumps({"metrics": [_summary(each) for each in found]})
    return Response(body, mimetype="application/json")


def _summary(found: overview.MetricOverview) -> Json:
    return {
        "key": found.key,
        "last": number(found.last),
        "last_step": found.last_step,
        "min": None if found.low is None else number(found.low),
        "max": None if found.high is None else number(found.high),
        "points": found.points,
    }


def _chart(told: series.ChartSeries) -> Json:
    named: Json = {"run_id": told.run_id, "key": told.key, "received": told.received}
    if told.drawn is None:
        return named
    mean, low, high = told.drawn.mean, told.drawn.low, told.drawn.high
    found = {
        **named,
        "points": told.points,
        "step": mean.steps,
        "timestamp": mean.timestamps,
        "value": _values(mean.values),
    }
    if told.drawn.last is not None:
        found["last"] = number(told.drawn.last)
    if low is not None and high is not None:
        found.update(low=_values(low), high=_values(high))
    return found


def _values(found: Floats) -> Floats | list[float | str]:
    return found if np.isfinite(found).all() else [number(each) for each in found.tolist()]
