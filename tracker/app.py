"""The tracking server as a Flask application."""

from __future__ import annotations

from flask import Flask

from . import mlflow, points, rest
from .artifacts import open_store
from .artifacts.base import ArtifactStore
from .audit import views as audit_views
from .auth import gate
from .auth import views as auth_views
from .config import Config
from .db import Database
from .openapi import openapi
from .operations import operations
from .services import EXTENSION, Services
from .telemetry import observe_requests


def create_app(
    config: Config, *, db: Database | None = None, store: ArtifactStore | None = None
) -> Flask:
    """Wire the services and routes. The schema must be current: see ``podium.tracker.checks``."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    # "a//b" is refused by who parses the path; a redirect to "a/b" would be another file.
    app.url_map.merge_slashes = False
    app.extensions[EXTENSION] = Services(
        db=db or Database(config.database_url, pool_size=config.threads + 2),
        store=store or open_store(config.artifacts, config.s3_endpoint),
        config=config,
    )
    observe_requests(app)
    rest.register(app)
    gate.register(app)
    app.register_blueprint(operations)
    app.register_blueprint(openapi)
    mlflow.register(app)
    points.register(app)
    app.register_blueprint(audit_views.routes)
    app.register_blueprint(auth_views.routes)
    return app
