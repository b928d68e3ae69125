"""MLflow's REST API over the tracker's services.

Every path is served under /api and /ajax-api alike; docs/mlflow.md lists them.
"""

from __future__ import annotations

from flask import Flask

from . import artifacts, experiments, logged_models, metrics, proxy, runs, server

_PREFIXES = ("/api", "/ajax-api")


def register(app: Flask) -> None:
    for prefix in _PREFIXES:
        for module in (experiments, runs, metrics, artifacts, proxy, logged_models, server):
            app.register_blueprint(
                module.routes,
                url_prefix=prefix + (module.routes.url_prefix or ""),
                name=f"{prefix[1:]} {module.routes.name}",
            )
    app.register_blueprint(artifacts.plain)
