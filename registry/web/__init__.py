"""The pages: HTML made on the server, with small islands of script for charts."""

from __future__ import annotations

from flask import Flask, request
from podium.client.version import __version__
from podium.tracker.auth.caller import caller
from podium.tracker.auth.gate import csrf
from podium.tracker.auth.roles import Role

from . import errors, formats, headers
from .account import account
from .assets import Assets, assets
from .experiments import experiments
from .history import history
from .home import home
from .models import models
from .oidc import oidc
from .people import people
from .policies import policies
from .promotions import promotions
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
    app.jinja_env.globals["csrf"] = csrf
    app.context_processor(_of_every_page)
    for blueprint in (
        *(home, assets, experiments, runs, models, promotions, history),
        *(policies, webhooks, account, oidc, people),
    ):
        app.register_blueprint(blueprint)
    headers.register(app)
    errors.register(app)


def _of_every_page() -> dict[str, object]:
    """``me`` is who has signed in: nobody on a server that asks nobody."""
    who = caller()
    return {
        "theme": _theme(request.cookies.get("theme", "")),
        "me": who.name if who.id is not None else "",
        "is_admin": who.role is Role.ADMIN,
    }


def _theme(chosen: str) -> str:
    return chosen if chosen in ("light", "dark") else "system"
