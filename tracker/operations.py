"""What a load balancer, an operator and Prometheus ask."""

from __future__ import annotations

import os

from flask import Blueprint, Response, jsonify
from podium.client.errors import PodiumError
from podium.client.version import __version__

from .auth.permissions import PUBLIC, allow
from .schema_history import SchemaNewer, check_schema
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
    """Ready: the database answers; 503 with the reason and the fix if not.

    An artifact store that does not answer is told and no failure: it is the same one for all
    servers, and who logs metrics or looks at them needs none. A schema newer than this server's is
    no failure either: while an upgrade goes on, the servers of before answer until the new ones do.
    """
    checks = {
        "database": services().db.ping,
        "schema": _schema,
        "artifacts": services().files.ready,
    }
    report: dict[str, str] = {}
    failed = False
    for name, check in checks.items():
        try:
            check()
            report[name] = "ok"
        except SchemaNewer as newer:
            report[name] = newer.message
        except PodiumError as error:
            report[name] = error.message
            failed = failed or name != "artifacts"
    return jsonify(report), 503 if failed else 200


def _schema() -> None:
    check_schema(services().db, services().histories)


@operations.get("/version", endpoint="version")
@allow(PUBLIC)
def version() -> Response:
    return Response(__version__, mimetype="text/plain")


@operations.get("/metrics", endpoint="metrics")
@allow(PUBLIC)
def metrics() -> Response:
    text = prometheus_text(
        services().state.gauges(), multiprocess_dir=os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    )
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")
