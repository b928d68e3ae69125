"""The native REST API, ``/api/v1``: what MLflow has no call for. OpenAPI describes it.

To add a part to it: a module here with ``routes = Blueprint("name", __name__, url_prefix=…)`` of
``.blueprint``, views under ``@routes.get``, ``@allow``, ``@routes.arguments`` and
``@routes.response``, in this order, and its name in ``register`` below.
"""

from __future__ import annotations

from flask import Flask, Response, jsonify
from podium.client.version import __version__
from podium.tracker.auth.permissions import PUBLIC, allow

from . import experiments, launches, promotion, rules, storage, sweeps, versions, webhooks
from .openapi import PodiumApi


def register(app: Flask) -> None:
    api = PodiumApi(app, title="Podium", version=__version__)
    for module in (experiments, launches, promotion, rules, storage, sweeps, versions, webhooks):
        api.register_blueprint(module.routes)

    @app.get("/api/v1/openapi.json", endpoint="openapi")
    @allow(PUBLIC)
    def document() -> Response:
        """This API, for programs: clients can be generated from it."""
        return jsonify(api.document())
