"""/models/<name>/promotions and …/requests: asking that a version be in a stage, and deciding."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from flask import Blueprint, Response, make_response, render_template, request, url_for
from podium.client.errors import NotFound
from podium.client.launches import Launch, LaunchPreview
from podium.client.promotion import Promotion, RequestStatus
from podium.tracker.auth.permissions import APPROVE, READ, REGISTER, allow
from podium.tracker.services import services

from .. import promotion, registered
from ..diff import VersionDiff, diff_versions
from ..launches import preview
from ..promotion import comments, offers, read
from ..promotion.offers import Look
from ..promotion.services import outside
from .answers import answer, attempt, link
from .launches import of_version
from .models import model_page, one_version

promotions = Blueprint("promotions", __name__, url_prefix="/models")

_PAGE = 50


@promotions.post("/<name>/promotions")
@allow(REGISTER)
def promote(name: str) -> Response:
    """From the board, from a version's page, and from a request that is to be looked at anew."""
    form = request.form

    def act() -> str:
        found = promotion.promote(
            services().db,
            name=name,
            version=form.get("version", ""),
            stage=form.get("stage", ""),
            comment=form.get("comment", ""),
            archive=False if "keep" in form else None,
            outside=outside(),
        )
        return _address(found) if found.waiting else url_for("models.page", name=name)

    def again(denied: str) -> Response:
        if form.get("on") == "version":
            return one_version(name, form.get("version", ""), denied=denied, typed=form)
        return model_page(name, denied=denied, typed=form)

    return attempt(act, again)


@promotions.post("/<name>/versions/<version>/comments")
@allow(REGISTER)
def comment_on_version(name: str, version: str) -> Response:
    text = request.form.get("comment", "")

    def act() -> str:
        comments.comment_on_version(services().db, name, version, text)
        return url_for("models.version_page", name=name, version=version, _anchor="comments")

    def again(denied: str) -> Response:
        return one_version(name, version, denied=denied, typed={"said": text})

    return attempt(act, again)


@promotions.get("/<name>/requests")
@allow(READ)
def listing(name: str) -> Response:
    """What was asked for, newest first."""
    status = request.args.get("status", "")
    states = [each.value for each in RequestStatus]
    page = read.list_requests(
        services().db,
        name,
        status=status if status in states else "",
        max_results=_PAGE,
        page_token=request.args.get("page", ""),
    )
    model = registered.get_model(services().db, name)
    return answer(
        "requests.html", "", model=model, page=page, status=status, states=states, link=link
    )


@promotions.get("/<name>/requests/<int:request_id>")
@allow(READ)
def page(name: str, request_id: int) -> Response:
    """One request, with how its version differs from the one whose place it takes."""
    return _page(name, request_id)


@promotions.get("/<name>/requests/<int:request_id>/launches")
@allow(READ)
def launches(name: str, request_id: int) -> Response:
    """What it would launch, tried out: that alone, for a page that has the rest; without a script,
    the whole page."""
    found = services()
    tried = preview.preview_request(
        found.db, found.config.launch_site, name, request_id, artifacts=found.config.artifacts
    )
    if request.headers.get("HX-Request") != "true":
        return _page(name, request_id, tried=tried)
    asked = read.get_request(found.db, name, request_id)
    return make_response(render_template("foreseen.html", name=name, asked=asked, tried=tried))


@promotions.post("/<name>/requests/<int:request_id>/approve")
@allow(APPROVE)
def approve(name: str, request_id: int) -> Response:
    """With the digest of the files that the page told of: others are not what was looked at."""
    comment, digest = request.form.get("comment", ""), request.form.get("digest")
    agreed = partial(promotion.approve, comment=comment, digest=digest, outside=outside())
    return _decide(name, request_id, agreed)


@promotions.post("/<name>/requests/<int:request_id>/reject")
@allow(APPROVE)
def reject(name: str, request_id: int) -> Response:
    reason = request.form.get("reason", "")
    return _decide(name, request_id, partial(promotion.reject, reason=reason))


@promotions.post("/<name>/requests/<int:request_id>/withdraw")
@allow(REGISTER)
def withdraw(name: str, request_id: int) -> Response:
    reason = request.form.get("reason", "")
    return _decide(name, request_id, partial(promotion.withdraw, reason=reason))


@promotions.post("/<name>/requests/<int:request_id>/override")
@allow(APPROVE)
def override(name: str, request_id: int) -> Response:
    """For admins of the model."""
    reason = request.form.get("reason", "")
    return _decide(name, request_id, partial(promotion.override, reason=reason))


@promotions.post("/<name>/requests/<int:request_id>/comments")
@allow(REGISTER)
def comment_on_request(name: str, request_id: int) -> Response:
    text = request.form.get("comment", "")

    def act() -> str:
        comments.comment_on_request(services().db, name, request_id, text)
        return url_for(".page", name=name, request_id=request_id, _anchor="comments")

    return attempt(act, lambda denied: _page(name, request_id, denied=denied))


def _decide(name: str, request_id: int, decision: Callable[..., Promotion]) -> Response:
    def act() -> str:
        return _address(decision(services().db, name=name, request_id=request_id))

    return attempt(act, lambda denied: _page(name, request_id, denied=denied))


def _page(
    name: str, request_id: int, *, denied: str = "", tried: LaunchPreview | None = None
) -> Response:
    """A refusal leaves what was typed in its field. What it launches is ``tried``, or will be.

    The page is kept fresh while the request waits: ``mark`` is another when something has changed.
    """
    found = offers.look(services().db, name, request_id)
    return make_response(
        render_template(
            "request.html",
            name=name,
            look=found,
            asked=found.promotion,
            mark=hashlib.sha256(repr(found).encode()).hexdigest()[:16],
            diff=_diff(found),
            everything="all" in request.args,
            launched=_launched(found.promotion),
            coming=preview.coming(services().db, name, request_id),
            tried=tried,
            comments=comments.comments_on_request(services().db, name, request_id),
            denied=denied,
            typed=request.form if denied else {},
        )
    )


def _launched(asked: Promotion) -> Sequence[Launch]:
    """What runs or serves, or did, since the version came to the stage."""
    if not asked.done:
        return ()
    found = of_version(asked.name, asked.version)
    return [each for each in found if each.stage == asked.stage]


def _diff(found: Look) -> VersionDiff | None:
    """None where there is nothing to compare with, or no more."""
    if found.holder is None:
        return None
    asked = found.promotion
    try:
        return diff_versions(
            services().db,
            asked.name,
            found.holder,
            asked.version,
            everything="all" in request.args,
        )
    except NotFound:
        return None


def _address(found: Promotion) -> str:
    return url_for("promotions.page", name=found.name, request_id=found.id)
