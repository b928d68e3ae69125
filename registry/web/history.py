"""/models/<name>/history: who held which stage when, taking back, and standing still."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, Response, make_response, render_template, request, url_for
from podium.client.errors import BadRequest
from podium.client.promotion import Transition
from podium.client.rules import shown
from podium.tracker.auth.permissions import ADMIN, READ, REGISTER, allow
from podium.tracker.clock import now_ms
from podium.tracker.services import services

from .. import promotion, registered
from ..promotion import freezes, rollback, stage_sets
from ..promotion import history as service
from .answers import attempt, link_to

history = Blueprint("history", __name__, url_prefix="/models")

_PAGE = 50
_HOUR = 3_600_000


@history.get("/<name>/history")
@allow(READ)
def page(name: str) -> Response:
    """Every change of a stage, newest first; ``stage`` and ``at`` ask who held it then."""
    held: Sequence[Transition] | None = None
    refused = ""
    if request.args.get("stage"):
        try:
            held = service.holders_at(services().db, name, request.args["stage"], _asked_moment())
        except BadRequest as error:
            refused = error.message
    answer = _page(name, held=held, refused=refused)
    answer.status_code = 400 if refused else 200
    return answer


@history.post("/<name>/rollbacks")
@allow(REGISTER)
def roll_back(name: str) -> Response:
    """``version`` is the one that the page said would leave."""
    form = request.form

    def act() -> str:
        promotion.roll_back(
            services().db,
            name=name,
            stage=form.get("stage", ""),
            version=form.get("version") or None,
            comment=form.get("comment", ""),
        )
        return _address(name)

    return attempt(act, lambda denied: _page(name, denied=denied))


@history.post("/<name>/freezes")
@allow(ADMIN)
def freeze(name: str) -> Response:
    form = request.form

    def act() -> str:
        freezes.freeze(
            services().db,
            registered.get_model(services().db, name).name,
            reason=form.get("reason", ""),
            stage=form.get("stage", ""),
            until=_until(form.get("hours", "")),
        )
        return _address(name)

    return attempt(act, lambda denied: _page(name, denied=denied))


@history.post("/<name>/freezes/<int:freeze_id>/lift")
@allow(ADMIN)
def lift(name: str, freeze_id: int) -> Response:
    """Also one that holds for other models: the page says for which."""
    freezes.lift(services().db, freeze_id)
    return make_response("", 303, {"Location": _address(name)})


def _page(
    name: str,
    *,
    held: Sequence[Transition] | None = None,
    refused: str = "",
    denied: str = "",
) -> Response:
    db = services().db
    return make_response(
        render_template(
            "history.html",
            model=registered.get_model(db, name),
            page=service.list_transitions(
                db, name, max_results=_PAGE, page_token=request.args.get("page", "")
            ),
            undos=rollback.undos(db, name),
            freezes=freezes.list_freezes(db, name),
            stages=stage_sets.effective_stages(db, name),
            held=held,
            refused=refused,
            denied=denied,
            typed=request.form if denied else {},
            span=_span(name),
            link=partial(link_to, _address(name)),
        )
    )


def _span(name: str) -> tuple[int, int] | None:
    """From the first change of a stage until now, in whole seconds after each; None without one."""
    first = service.first_change(services().db, name)
    return None if first is None else (-(-first // 1000), -(-now_ms() // 1000))


def _address(name: str) -> str:
    return url_for("history.page", name=name)


def _asked_moment() -> int:
    """What a browser's field for a date and a time says, read as UTC; nothing is now."""
    text = request.args.get("at", "")
    if not text:
        return now_ms()
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return math.floor(found.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"'at' is {shown(text)}: give a date and a time (UTC), as in 2026-05-03T12:00."
        ) from None


def _until(hours: str) -> int | None:
    if not hours.strip():
        return None
    try:
        return now_ms() + int(float(hours) * _HOUR)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"'hours' is {shown(hours)}: give a number, or nothing to end the freeze yourself."
        ) from None
