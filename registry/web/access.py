"""…/access: who may do what with one experiment or one model, and giving roles on it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from flask import Blueprint, Response, make_response, render_template, request, url_for
from podium.client.errors import BadRequest, NotFound
from podium.tracker import experiments
from podium.tracker.auth import accounts, grants
from podium.tracker.auth.caller import caller
from podium.tracker.auth.permissions import SHARE, allow
from podium.tracker.auth.roles import EXPERIMENT, MODEL, Role
from podium.tracker.services import services

from .. import registered
from .answers import attempt

access = Blueprint("access", __name__)

# What a role lets one do, as docs/security.md says it, in the order of the roles.
_MAY = {
    EXPERIMENT.name: {
        Role.VIEWER: "read its runs and files",
        Role.EDITOR: "and log, change, delete and restore runs",
        Role.ADMIN: "and give others roles on it",
    },
    MODEL.name: {
        Role.VIEWER: "read its versions and their files",
        Role.EDITOR: "and register, describe, tag and delete versions, and ask for promotions",
        Role.APPROVER: "and decide on promotions",
        Role.ADMIN: "and give others roles on it",
    },
}


@access.get("/experiments/<experiment_id>/access")
@allow(SHARE)
def of_experiment(experiment_id: str) -> Response:
    return _page(EXPERIMENT.name, experiment_id)


@access.post("/experiments/<experiment_id>/access")
@allow(SHARE)
def give_on_experiment(experiment_id: str) -> Response:
    return _give(EXPERIMENT.name, experiment_id)


@access.post("/experiments/<experiment_id>/access/take")
@allow(SHARE)
def take_on_experiment(experiment_id: str) -> Response:
    return _take(EXPERIMENT.name, experiment_id)


@access.get("/models/<name>/access")
@allow(SHARE)
def of_model(name: str) -> Response:
    return _page(MODEL.name, name)


@access.post("/models/<name>/access")
@allow(SHARE)
def give_on_model(name: str) -> Response:
    return _give(MODEL.name, name)


@access.post("/models/<name>/access/take")
@allow(SHARE)
def take_on_model(name: str) -> Response:
    return _take(MODEL.name, name)


def may_share(kind: str, name: str) -> bool:
    """Whether a page offers the way here: nobody has an account on a server that asks nobody."""
    return caller().id is not None and grants.may_share(services().db, kind, name)


def _give(kind: str, name: str) -> Response:
    form = request.form

    def act() -> str:
        principal, role = form.get("principal", "").strip(), Role.parse(form.get("role", ""))
        try:
            grants.give(services().db, kind, name, principal=principal, role=role)
        except NotFound as missing:
            raise BadRequest(missing.message) from None
        return _onward(kind, name)

    return attempt(act, partial(_page, kind, name, form))


def _take(kind: str, name: str) -> Response:
    def act() -> str:
        try:
            grants.take(services().db, kind, name, principal=request.form.get("principal", ""))
        except NotFound as missing:
            raise BadRequest(missing.message) from None
        return _onward(kind, name)

    return attempt(act, partial(_page, kind, name, {}))


def _onward(kind: str, name: str) -> str:
    """Back here, unless that was one's own role."""
    if grants.may_share(services().db, kind, name):
        return _path(kind, name)
    return "/experiments" if kind == EXPERIMENT.name else "/models"


def _path(kind: str, name: str) -> str:
    if kind == EXPERIMENT.name:
        return url_for("access.of_experiment", experiment_id=name)
    return url_for("access.of_model", name=name)


def _thing(kind: str, name: str) -> str:
    if kind == EXPERIMENT.name:
        return url_for("experiments.page", experiment_id=name)
    return url_for("models.page", name=name)


def _page(
    kind: str, name: str, typed: Mapping[str, str] | None = None, denied: str = ""
) -> Response:
    """``denied`` is why what the form that said ``typed`` asked for was refused."""
    db = services().db
    if kind == EXPERIMENT.name:
        title = experiments.get_experiment(db, name).name
    else:
        title = registered.get_model(db, name).name
    # Only an admin of the server is told who has an account on it.
    known = accounts.everybody(db) if caller().role is Role.ADMIN else ()
    return make_response(
        render_template(
            "access.html",
            kind=kind,
            title=title,
            may=_MAY[kind],
            given=grants.on(db, kind, name),
            everywhere=grants.everywhere(db),
            known=[each.name for each in known],
            path=_path(kind, name),
            thing=_thing(kind, name),
            typed=typed or {},
            denied=denied,
        )
    )
