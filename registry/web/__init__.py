"""The pages: HTML made on the server, with small islands of script for charts."""

from __future__ import annotations

from flask import Flask, request
from podium.client.version import __version__
from podium.tracker.auth.caller import caller
from podium.tracker.auth.gate import csrf
from podium.tracker.auth.roles import Role

from . import compression, errors, formats, headers
from .access import access
from .account import account
from .assets import Assets, assets
from .audit import audit
from .compare import compare
from .experiments import experiments
from .export import export
from .history import history
from .home import home
from .launch_rules import launch_rules
from .launches import launches
from .launching import launching
from .logged_models import logged_models
from .models import models
from .oidc import oidc
from .operations import operations
from .people import people
from .policies import policies
from .promotions import promotions
from .run_changes import run_changes
from .runs import runs
from .saved_views import saved_views
from .search import search
from .selection import selection
from .storage import storage
from .sweeps import sweeps
from .table import NEWEST_FIRST
from .webhooks import webhooks

_PAGES = (
    home,
    assets,
    experiments,
    selection,
    export,
    saved_views,
    compare,
    search,
    runs,
    run_changes,
    logged_models,
    models,
    promotions,
    history,
    launches,
    launching,
    launch_rules,
    sweeps,
    policies,
    webhooks,
    operations,
    storage,
    account,
    access,
    oidc,
    people,
    audit,
)


def register(app: Flask) -> None:
    """Add the pages to the tracker's application."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(formats.FILTERS)
    app.jinja_env.globals.update(
        asset=Assets.read().url, version=__version__, newest_first=NEWEST_FIRST
    )
    app.jinja_env.globals["csrf"] = csrf
    app.context_processor(_of_every_page)
    for blueprint in _PAGES:
        app.register_blueprint(blueprint)
    headers.register(app)
    compression.register(app)  # asked first: the last registered is
    errors.register(app)


def _of_every_page() -> dict[str, object]:
    """``me`` is who has signed in: nobody on a server that asks nobody."""
    who = caller()
    return {
        "theme": _theme(request.cookies.get("theme", "")),
        "me": who.name if who.id is not None else "",
        "is_admin": who.role is Role.ADMIN,
        "is_editor": who.role >= Role.EDITOR,
    }


def _theme(chosen: str) -> str:
    return chosen if chosen in ("light", "dark") else "system"
