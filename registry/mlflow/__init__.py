"""MLflow's REST API of the model registry, over the registry's services.

Served as the tracker's part of it is, under /api and /ajax-api; docs/mlflow.md lists the calls.
"""

from __future__ import annotations

from flask import Flask
from podium.tracker.mlflow import serve

from . import aliases, model_versions, registered_models, webhooks


def register(app: Flask) -> None:
    modules = (registered_models, aliases, model_versions, webhooks)
    serve(app, *(module.routes for module in modules))
    app.register_blueprint(model_versions.plain)
