"""/launches: what runs and serves on clusters, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flask import Blueprint, Response, make_response, render_template, request, url_for
from podium.client.entities import ModelVersion, RunSnapshot
from podium.client.errors import NotFound, PodiumError
from podium.client.launches import Launch
from podium.tracker import runs
from podium.tracker.auth.permissions import READ, REGISTER, allow
from podium.tracker.services import services

from ..launch.files import as_yaml
from ..launches import leases, live, read, start
from ..launches.sites import read_site
from .answers import attempt, link_to

launches = Blueprint("launch_pages", __name__)

_PAGE = 50
_FEW = 20


@launches.get("/launches")
@allow(READ)
def listing() -> str:
    """All of them, newest first."""
    model, active = request.args.get("model", "").strip(), request.args.get("active", "")
    page = read.list_launches(
        services().db,
        name=model or None,
        active=True if active else None,
        max_results=_PAGE,
        page_token=request.args.get("page", ""),
    )
    return render_template(
        "launches.html",
        page=page,
        model=model,
        active=active,
        away=leases.problems(services().db),
        ready=services().config.launch_site is not None,
        link=partial(link_to, "/launches"),
    )


@launches.get("/launches/<launch_id>")
@allow(READ)
def page(launch_id: str) -> Response:
    return _page(launch_id)


@launches.post("/launches/<launch_id>/stop")
@allow(REGISTER)
def stop(launch_id: str) -> Response:
    def act() -> str:
        start.stop(services().db, launch_id)
        return url_for("launch_pages.page", launch_id=launch_id)

    return attempt(act, partial(_page, launch_id))


def of_version(name: str, version: int) -> Sequence[Launch]:
    """The last ones of a version, for its page."""
    found = read.list_launches(services().db, name=name, version=version, max_results=_FEW)
    return found.items


def of_run(run_id: str, made: Sequence[ModelVersion]) -> Sequence[Launch]:
    """Those that log to a run, and what serves the versions it has ``made``."""
    db = services().db
    logging = read.list_launches(db, run_id=run_id, max_results=_FEW).items
    serving = read.list_serving(db, {(each.name, each.version) for each in made})
    return [*logging, *serving[:_FEW]]


def _page(launch_id: str, denied: str = "") -> Response:
    db = services().db
    launch = read.get_launch(db, launch_id)
    log, unread = _log(launch)
    return make_response(
        render_template(
            "launch.html",
            launch=launch,
            run=_run(launch),
            events=read.launch_events(db, launch_id),
            away=leases.problems(db).get(launch.cluster, "") if launch.active else "",
            log=log,
            unread=unread,
            spec=as_yaml([launch.spec]),
            denied=denied,
        )
    )


def _log(launch: Launch) -> tuple[live.LogPage, str]:
    """Its last lines, or why they cannot be read now."""
    found, pod = services(), request.args.get("pod", "")
    site = read_site(found.config.launch_site)
    try:
        return live.read_log(found.db, found.store, site, launch.launch_id, pod=pod), ""
    except PodiumError as error:
        return live.LogPage((), "", over=False), error.message


def _run(launch: Launch) -> RunSnapshot | None:
    try:
        return runs.get_run(services().db, launch.run_id) if launch.run_id else None
    except NotFound:
        return None
