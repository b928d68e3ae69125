"""/policies: the rules of promotion for all models, in words. Administrators only."""

from __future__ import annotations

from flask import Blueprint, render_template
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.services import services

from ..promotion import freezes, stage_sets
from ..promotion import policies as service

policies = Blueprint("policies", __name__, url_prefix="/policies")


@policies.get("")
@allow(ADMIN)
def page() -> str:
    db = services().db
    return render_template(
        "policies.html",
        policies=service.list_policies(db),
        stage_sets=stage_sets.list_stage_sets(db),
        freezes=freezes.list_freezes(db),
    )
