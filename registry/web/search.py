"""/search: experiments, runs and models by their names, as a page and for the command palette."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.services import services

from ..find import find

search = Blueprint("search", __name__)


@search.get("/search")
@allow(READ)
def page() -> str:
    """For the palette, which asks as htmx does, what was found alone."""
    text = request.args.get("q", "")
    alone = request.headers.get("HX-Request") == "true"
    template = "found.html" if alone else "search.html"
    return render_template(template, found=find(services().db, text), q=text)
