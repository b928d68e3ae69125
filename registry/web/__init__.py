"""The pages: HTML made on the server, with small islands of script for charts."""

from __future__ import annotations

from flask import Flask, request
from podium.client.version import __version__

from . import errors, formats, headers
from .assets import Assets, assets
from .experiments import experiments
from .home import home
from .models import models
from .runs import runs
from .table import NEWEST_FIRST
from .webhooks import webhooks


def register(app: Flask) -> None:
    """Add the pages to the tracker's application."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(formats.FILTERS)
    app.jinja_env.globals.update(
        asset=Assets.read().url, version=__version__, newest_first=NEWEST_FIRST
    )
    app.context_processor(lambda: {"theme": _theme(request.cookies.get("theme", ""))})
    for blueprint in (home, assets, experiments, runs, models, webhooks):
        app.register_blueprint(blueprint)
    headers.register(app)
    errors.register(app)


def _theme(chosen: str) -> str:
    return chosen if chosen in ("light", "dark") else "system"
