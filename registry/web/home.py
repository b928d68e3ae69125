"""The way in."""

from __future__ import annotations

from flask import Blueprint, Response, redirect
from podium.tracker.auth.permissions import PUBLIC, allow

home = Blueprint("home", __name__, template_folder="templates")


@home.get("/")
@allow(PUBLIC)
def index() -> Response:
    """A browser keeps what follows '#', so links printed by MLflow's client arrive with it."""
    answer = redirect("/experiments")
    assert isinstance(answer, Response)  # noqa: S101  (werkzeug's type is wider than Flask's)
    return answer
