"""What an operator learns of each request: a log line with its id, and Prometheus counters.

Labels are the route's rule, never the path that was asked for, so their number is bounded.
"""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Histogram(
    "podium_http_request_seconds",
    "Time to answer a request, by route, method and status.",
    ("route", "method", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
POINTS = Counter("podium_ingest_points", "Metric points stored, by the way they came.", ("via",))
REQUEST_ID = "X-Request-Id"
_QUIET = ("health", "ready", "metrics")
# What a caller may choose as the id of a request; it is written to logs and back to the caller.
_CHOSEN_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")

log = structlog.get_logger("podium")


def observe_requests(app: Flask) -> None:
    """Give each request an id, time it, log it once and count it."""

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()
        chosen = request.headers.get(REQUEST_ID, "")
        g.request_id = chosen if _CHOSEN_ID.fullmatch(chosen) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def finish(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        rule = request.url_rule.rule if request.url_rule else "(none)"
        method = request.method if request.method in _METHODS else "(other)"
        REQUESTS.labels(rule, method, response.status_code).observe(seconds)
        if request.endpoint not in _QUIET:
            log.info(
                "request",
                method=request.method,
                path=request.path,
                route=rule,
                status=response.status_code,
                ms=round(seconds * 1000, 2),
            )
        response.headers[REQUEST_ID] = g.get("request_id", "")
        return response


def prometheus_text(*, multiprocess_dir: str | None) -> bytes:
    """All metrics in the text format; of every server process when they share a folder."""
    if multiprocess_dir is None:
        return generate_latest(PROCESS_REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=multiprocess_dir)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
