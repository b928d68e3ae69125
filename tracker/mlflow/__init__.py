"""MLflow's REST API over the tracker's services.

Every path is served under /api and /ajax-api alike; docs/mlflow.md lists them.
"""

from __future__ import annotations

from flask import Blueprint, Flask

from . import artifacts, experiments, logged_models, metrics, proxy, runs, server, workspaces

_PREFIXES = ("/api", "/ajax-api")
_ROUTES = (
    experiments.routes,
    runs.routes,
    metrics.routes,
    artifacts.routes,
    artifacts.upload,
    proxy.routes,
    logged_models.routes,
    server.routes,
    workspaces.routes,
)


def register(app: Flask) -> None:
    serve(app, *_ROUTES)
    app.register_blueprint(artifacts.plain)


def serve(app: Flask, *blueprints: Blueprint) -> None:
    """Answer these routes under both prefixes."""
    for prefix in _PREFIXES:
        for routes in blueprints:
            app.register_blueprint(
                routes,
                url_prefix=prefix + (routes.url_prefix or ""),
                name=f"{prefix[1:]} {routes.name}",
            )
