"""/operations: what is wrong with the installation and what to do. Administrators only."""

from __future__ import annotations

from flask import Blueprint, render_template
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.services import services

from ..operations import examine

operations = Blueprint("operations_page", __name__)


@operations.get("/operations")
@allow(ADMIN)
def page() -> str:
    found = examine(services())
    return render_template(
        "operations.html",
        wrong=[finding for finding in found if not finding.well],
        well=[finding for finding in found if finding.well],
        gauges=services().state.gauges(),
    )
