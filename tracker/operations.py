"""What a load balancer, an operator and Prometheus ask."""

from __future__ import annotations

import os

from flask import Blueprint, Response, jsonify
from podium.client.errors import PodiumError
from podium.client.version import __version__

from .auth.permissions import PUBLIC, allow
from .services import services
from .telemetry import prometheus_text

operations = Blueprint("operations", __name__)


@operations.get("/health", endpoint="health")
@allow(PUBLIC)
def health() -> Response:
    """Live: the process answers. Says nothing of the database, which no restart cures."""
    return Response("OK", mimetype="text/plain")


@operations.get("/ready", endpoint="ready")
@allow(PUBLIC)
def ready() -> tuple[Response, int]:
    """Ready: the database and the artifact store answer; 503 with the reason and the fix if not."""
    checks = {"database": services().db.ping, "artifacts": services().store.ready}
    problems: dict[str, str] = {}
    for name, check in checks.items():
        try:
            check()
        except PodiumError as error:
            problems[name] = error.message
    report = {name: problems.get(name, "ok") for name in checks}
    return jsonify(report), 503 if problems else 200


@operations.get("/version", endpoint="version")
@allow(PUBLIC)
def version() -> Response:
    return Response(__version__, mimetype="text/plain")


@operations.get("/metrics", endpoint="metrics")
@allow(PUBLIC)
def metrics() -> Response:
    text = prometheus_text(multiprocess_dir=os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")
