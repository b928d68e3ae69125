"""/models: a place kept for the registry."""

from __future__ import annotations

from flask import Blueprint, render_template
from podium.tracker.auth.permissions import READ, allow

models = Blueprint("models", __name__)


@models.get("/models")
@allow(READ)
def listing() -> str:
    return render_template("models.html", name=None)


@models.get("/models/<name>")
@allow(READ)
def page(name: str) -> tuple[str, int]:
    return render_template("models.html", name=name), 404
