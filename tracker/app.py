"""The tracking server as a Flask application."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask

from . import mlflow, points, rest, state
from .artifacts import open_store
from .artifacts.base import ArtifactStore
from .audit import views as audit_views
from .auth import gate
from .auth import views as auth_views
from .config import Config
from .db import Database
from .openapi import openapi
from .operations import operations
from .schema_history import TRACKER, History
from .services import EXTENSION, Services
from .state import Reader, State
from .telemetry import observe_requests
from .tracing import trace

# Threads that a database which hangs cannot take from a server.
_KEPT_OUT = 2


def create_app(
    config: Config,
    *,
    db: Database | None = None,
    store: ArtifactStore | None = None,
    histories: Sequence[History] = (TRACKER,),
    readers: Sequence[Reader] = (),
) -> Flask:
    """Wire the services and routes. The schema must be current: see ``podium.tracker.checks``.

    ``histories`` and ``readers`` are those of the whole application: of its schema, and more of its
    state.
    """
    app = Flask(__name__, static_folder=None, template_folder=None)
    # "a//b" is refused by who parses the path; a redirect to "a/b" would be another file.
    app.url_map.merge_slashes = False
    db = db or Database(
        config.database_url,
        pool_size=config.threads + 2,
        at_once=max(1, config.threads - _KEPT_OUT),
    )
    app.extensions[EXTENSION] = Services(
        db=db,
        store=store or open_store(config.artifacts, config.s3_endpoint),
        config=config,
        state=State(db, (state.read, *readers)),
        histories=tuple(histories),
    )
    trace(app, db)
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
