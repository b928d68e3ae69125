"""/launch-rules: what is launched when a version comes to a stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from podium.client.errors import BadRequest, Conflict
from podium.client.launches import DryRun
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.services import services

from ..launch.faults import InvalidLaunch
from ..launch.files import as_yaml, read_file
from ..launches import rules
from ..launches.preview import preview_rule
from ..launches.sites import require_site
from .answers import attempt

launch_rules = Blueprint("launch_rules", __name__)


@launch_rules.get("/launch-rules")
@allow(ADMIN)
def page() -> Response:
    """With the rule that is to be changed in the form, where the address names one."""
    found = rules.list_rules(services().db)
    for each in found:
        if str(each.id) == request.args.get("change"):
            typed = {"model": each.model, "stage": each.stage, "spec": as_yaml([each.spec])}
            return _page(typed)
    return _page({})


@launch_rules.post("/launch-rules")
@allow(ADMIN)
def set_rule() -> Response:
    def act(model: str, stage: str, text: str) -> Response:
        site = require_site(services().config.launch_site)
        rules.set_rule(services().db, site, model, stage, read_file(text))
        return make_response(redirect(url_for("launch_rules.page"), 303))

    return _attempt(act)


@launch_rules.post("/launch-rules/dry-run")
@allow(ADMIN)
def try_out() -> Response:
    def act(model: str, stage: str, text: str) -> Response:
        found = services()
        site = require_site(found.config.launch_site)
        tried, about = preview_rule(
            found.db, site, model, stage, read_file(text), artifacts=found.config.artifacts
        )
        return _page(request.form, tried=tried, about=about)

    return _attempt(act)


@launch_rules.post("/launch-rules/<int:rule_id>/delete")
@allow(ADMIN)
def delete_rule(rule_id: int) -> Response:
    def act() -> str:
        rules.delete_rule(services().db, rule_id)
        return url_for("launch_rules.page")

    return attempt(act, lambda denied: _page({}, wrong={"": denied}))


def _attempt(act: Callable[[str, str, str], Response]) -> Response:
    """What is refused is said beside its field, and what was typed stays."""
    form = request.form
    try:
        return act(form.get("model", ""), form.get("stage", ""), form.get("spec", ""))
    except (BadRequest, Conflict) as refusal:
        page = _page(form, wrong={_place(refusal): refusal.message})
        page.status_code = refusal.status
        return page


def _place(refusal: BadRequest | Conflict) -> str:
    if isinstance(refusal, InvalidLaunch):
        return "spec"
    return next((name for name in ("model", "stage") if f"'{name}'" in refusal.message), "stage")


def _page(
    typed: Mapping[str, str],
    *,
    wrong: Mapping[str, str] | None = None,
    tried: DryRun | None = None,
    about: str = "",
) -> Response:
    found = rules.list_rules(services().db)
    return make_response(
        render_template(
            "launch_rules.html",
            rules=found,
            specs={each.id: as_yaml([each.spec]) for each in found},
            typed=typed,
            wrong=wrong or {},
            tried=tried,
            about=about,
        )
    )
