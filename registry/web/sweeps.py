"""/sweeps: what is searched for, the trials of a sweep, and the best of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from flask import Blueprint, Response, make_response, render_template, request, url_for
from podium.client.sweeps import Sweep, SweepTrial, TrialState
from podium.tracker.auth.permissions import READ, REGISTER, allow
from podium.tracker.services import services

from ..launch.files import as_yaml
from ..sweeps import read, start
from .answers import attempt, link_to
from .sweep_chart import HEIGHT, WIDTH, chart

sweeps = Blueprint("sweep_pages", __name__)

_PAGE = 50
_TRIALS = 100
_COMPARED = 20


@sweeps.get("/sweeps")
@allow(READ)
def listing() -> str:
    """All of them, newest first."""
    name, active = request.args.get("name", "").strip(), request.args.get("active", "")
    page = read.list_sweeps(
        services().db,
        name=name or None,
        active=True if active else None,
        max_results=_PAGE,
        page_token=request.args.get("page", ""),
    )
    return render_template(
        "sweeps.html",
        page=page,
        name=name,
        active=active,
        ready=services().config.launch_site is not None,
        link=partial(link_to, "/sweeps"),
    )


@sweeps.get("/sweeps/<sweep_id>")
@allow(READ)
def page(sweep_id: str) -> Response:
    return _page(sweep_id)


@sweeps.post("/sweeps/<sweep_id>/stop")
@allow(REGISTER)
def stop(sweep_id: str) -> Response:
    def act() -> str:
        start.stop(services().db, sweep_id)
        return url_for("sweep_pages.page", sweep_id=sweep_id)

    return attempt(act, partial(_page, sweep_id))


def _page(sweep_id: str, denied: str = "") -> Response:
    sweep, trials = read.whole(services().db, sweep_id)
    order = request.args.get("order", "")
    ordered = _best_first(sweep, trials) if order == "best" else trials[::-1]
    number = request.args.get("page", "1")
    begin = (int(number) - 1) * _TRIALS if number.isdecimal() and len(number) < 6 else 0
    return make_response(
        render_template(
            "sweep.html",
            sweep=sweep,
            shown=ordered[max(0, begin) : begin + _TRIALS],
            begin=begin,
            count=len(trials),
            size=_TRIALS,
            order=order,
            names=[each["name"] for each in sweep.spec["sweep"]["parameters"]],
            chart=chart(sweep, trials),
            box=(WIDTH, HEIGHT),
            compared=_compared(sweep, trials),
            link=partial(link_to, f"/sweeps/{sweep.sweep_id}"),
            spec=as_yaml([sweep.spec]),
            denied=denied,
        )
    )


def _best_first(sweep: Sweep, trials: Sequence[SweepTrial]) -> list[SweepTrial]:
    """Those that completed by their objective, then the others as they were made."""
    sign = 1 if sweep.goal == "minimize" else -1

    def place(trial: SweepTrial) -> tuple[float, int]:
        complete = trial.state is TrialState.COMPLETE and trial.value is not None
        return (sign * (trial.value or 0.0) if complete else math.inf), trial.number

    return sorted(trials, key=place)


def _compared(sweep: Sweep, trials: Sequence[SweepTrial]) -> str:
    """Where the best ones are side by side; empty where there are not two."""
    best = [each for each in _best_first(sweep, trials) if each.state is TrialState.COMPLETE]
    runs = [each.run_id for each in best[:_COMPARED]]
    return link_to("/compare", run=runs) if len(runs) > 1 else ""
