"""/compare: up to a hundred runs side by side, as a table and as charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, render_template, request
from podium.client.errors import BadRequest, Unavailable
from podium.tracker import overview
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.runs import table
from podium.tracker.services import services

from .answers import answer, link
from .charts import MAX_LINES, overlays
from .comparison import drawn, sections
from .environment import packages_of

compare = Blueprint("compare", __name__)

_CHARTS = 6


@compare.get("/compare")
@allow(READ)
def page() -> Response:
    """``run`` are their ids, ``metric`` those that are drawn; ``all`` shows what is equal, too."""
    asked: list[str] = []
    refused = ""
    rows: list[table.Row] = []
    whole = True
    try:
        asked = _asked()
        rows, whole = table.compare(services().db, asked)
    except BadRequest as error:
        refused = error.message
    packages, unread = _packages([row.run_id for row in rows])
    metrics = sorted({key for row in rows for key in row.metrics})
    wanted = [key for key in request.args.getlist("metric") if key in metrics]
    everything = bool(request.args.get("all"))
    return answer(
        "compare.html",
        refused,
        rows=rows,
        lost=len(asked) - len(rows) if not refused else 0,
        whole=whole,
        sections=sections(rows, packages),
        unread=unread,
        everything=everything,
        metrics=metrics,
        drawn_metrics=wanted or metrics[:_CHARTS],
        overlays=overlays(rows, wanted or metrics[:_CHARTS]),
        plots=drawn(rows),
        other=link(run=asked, metric=wanted, all="" if everything else "1"),
    )


@compare.get("/compare/going")
@allow(READ)
def going() -> str:
    """All that the page of these runs asks for again: whether one of them goes on."""
    return render_template("going.html", going=overview.is_going(services().db, _asked()))


def _asked() -> list[str]:
    asked = list(dict.fromkeys(request.args.getlist("run")))
    if len(asked) > MAX_LINES:
        raise BadRequest(f"'run' is there {len(asked)} times: {MAX_LINES} can be compared.")
    return asked


def _packages(run_ids: Sequence[str]) -> tuple[dict[str, Mapping[str, str]], str]:
    """Of each run; and why not, if the store does not answer: all else is in the database."""
    folders = overview.folders_of(services().db, run_ids)
    try:
        return packages_of(services().store, folders), ""
    except Unavailable as error:
        return {}, error.message
