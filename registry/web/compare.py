"""/compare: up to a hundred runs side by side, as a table and as charts."""

from __future__ import annotations

from flask import Blueprint, Response, request
from podium.client.errors import BadRequest
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.runs import table
from podium.tracker.services import services

from .answers import answer, link
from .charts import MAX_LINES, overlays
from .comparison import drawn, sections

compare = Blueprint("compare", __name__)

_CHARTS = 6


@compare.get("/compare")
@allow(READ)
def page() -> Response:
    """``run`` are their ids, ``metric`` those that are drawn; ``all`` shows what is equal, too."""
    asked = list(dict.fromkeys(request.args.getlist("run")))
    refused = ""
    rows: list[table.Row] = []
    whole = True
    try:
        if len(asked) > MAX_LINES:
            raise BadRequest(f"'run' is there {len(asked)} times: {MAX_LINES} can be compared.")
        rows, whole = table.compare(services().db, asked)
    except BadRequest as error:
        refused = error.message
    metrics = sorted({key for row in rows for key in row.metrics})
    wanted = [key for key in request.args.getlist("metric") if key in metrics]
    everything = bool(request.args.get("all"))
    return answer(
        "compare.html",
        refused,
        rows=rows,
        lost=len(asked) - len(rows) if not refused else 0,
        whole=whole,
        sections=sections(rows),
        everything=everything,
        metrics=metrics,
        drawn_metrics=wanted or metrics[:_CHARTS],
        overlays=overlays(rows, wanted or metrics[:_CHARTS]),
        plots=drawn(rows),
        other=link(run=asked, metric=wanted, all="" if everything else "1"),
    )
