"""/launches/new: the form by which a launch is tried out and started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from podium.client.errors import BadRequest, Conflict, NotFound, PermissionDenied, PodiumError
from podium.client.launches import DryRun, Launch
from podium.tracker.auth.permissions import REGISTER, allow
from podium.tracker.services import services

from ..launch.site import Site
from ..launch.targets import TARGETS
from ..launches import read, start
from ..launches.dry_run import dry_run
from ..launches.sites import read_site, require_site
from .launch_form import Typed, places

launching = Blueprint("launching", __name__, url_prefix="/launches")


@launching.get("/new")
@allow(REGISTER)
def new() -> Response:
    """With what the address says in it, or what ``again`` was launched with."""
    again = request.args.get("again", "")
    if again:
        return _form(Typed.of_spec(_once_more(read.get_launch(services().db, again))))
    return _form(Typed.read(request.args))


def _once_more(launch: Launch) -> Mapping[str, Any]:
    """Its spec, with the model as it is called by now."""
    source = launch.spec.get("source") or {}
    if not source.get("model"):
        return launch.spec
    return {**launch.spec, "source": {**source, "model": launch.name}}


@launching.post("/new")
@allow(REGISTER)
def of_target() -> Response:
    """The fields that another target has. What was typed stays."""
    return _form(Typed.read(request.form))


@launching.post("/dry-run")
@allow(REGISTER)
def try_out() -> Response:
    def act(typed: Typed, site: Site) -> Response:
        found = services()
        tried = dry_run(found.db, site, typed.spec(), artifacts=found.config.artifacts)
        return _form(typed, tried=tried)

    return _attempt(act)


@launching.post("")
@allow(REGISTER)
def begin() -> Response:
    def act(typed: Typed, site: Site) -> Response:
        found = services()
        made = start.start(found.db, site, typed.spec(), artifacts=found.config.artifacts)
        address = url_for("launch_pages.page", launch_id=made.launch_id)
        return make_response(redirect(address, 303))

    return _attempt(act)


def _attempt(act: Callable[[Typed, Site], Response]) -> Response:
    """What is refused is said beside its field."""
    typed = Typed.read(request.form)
    try:
        return act(typed, require_site(services().config.launch_site))
    except (BadRequest, Conflict, NotFound, PermissionDenied) as refusal:
        page = _form(typed, refusal=refusal)
        page.status_code = refusal.status
        return page


def _form(
    typed: Typed, *, tried: DryRun | None = None, refusal: PodiumError | None = None
) -> Response:
    site = read_site(services().config.launch_site)
    typed = typed.settled()
    shown = [name for name, there in _fields(typed, site).items() if there]
    return make_response(
        render_template(
            "launch_new.html",
            typed=typed,
            targets={name: each.SUMMARY for name, each in TARGETS.items()},
            site=site,
            shown=shown,
            wrong={} if refusal is None else places(refusal, shown),
            tried=tried,
        )
    )


def _fields(typed: Typed, site: Site) -> dict[str, bool]:
    """Those that have a place of their own, and whether there is anything to say in them."""
    always = dict.fromkeys(("target", "purpose", "name", "model", "version", "stage", "run"), True)
    return {
        **always,
        "image": typed.takes("image"),
        "cluster": len(site.clusters) > 1,
        "named": typed.takes("resources") and bool(site.classes),
    }
