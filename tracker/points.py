"""/api/v1: points in the binary format, and charts. What Podium's own client and pages speak."""

from __future__ import annotations

import numpy as np
import orjson
from flask import Blueprint, Flask, Response, request
from podium.client import wire
from podium.client.errors import BadRequest
from podium.client.rules import check_run_id

from . import runs, series
from .auth.permissions import LOG, READ, allow
from .metrics import Window
from .mlflow.render import Json, number
from .rest import arguments, body_bytes
from .schema import Int64, Items, Number, Object, Schema, Text
from .services import services
from .telemetry import POINTS

routes = Blueprint("points", __name__, url_prefix="/api/v1")


class Series(Schema):
    run_id = Text(required=True)
    key = Text(required=True)
    received = Int64(load_default=None)


class Charts(Schema):
    series = Items(Object(Series), required=True)
    width = Int64(load_default=1000)
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
    points, new = runs.log_points(services().db, run_id, body_bytes(wire.MAX_BODY))
    if new:
        POINTS.labels("batch").inc(points)
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
    drawn = series.charts(services().db, wanted, width=asked["width"], window=window)
    body = orjson.dumps(
        {"series": [_chart(each) for each in drawn]}, option=orjson.OPT_SERIALIZE_NUMPY
    )
    return Response(body, mimetype="application/json")


def _chart(drawn: series.ChartSeries) -> Json:
    named: Json = {"run_id": drawn.run_id, "key": drawn.key, "received": drawn.received}
    if drawn.columns is None:
        return named
    values = drawn.columns.values
    return {
        **named,
        "points": drawn.points,
        "step": drawn.columns.steps,
        "timestamp": drawn.columns.timestamps,
        "value": values
        if np.isfinite(values).all()
        else [number(each) for each in values.tolist()],
    }
