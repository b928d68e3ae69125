"""What an operator learns of each request: a log line with its id, and Prometheus counters.

Labels are the route's rule, never the path that was asked for, so their number is bounded. The log
line names the run, the experiment or the model the request is about.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from flask import Flask, Response, g, request
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from .instruments import IN_PROGRESS, REQUESTS
from .state import Gauge
from .tracing import trace_id

REQUEST_ID = "X-Request-Id"
_QUIET = ("operations.health", "operations.ready", "operations.metrics")
# What a caller may choose as the id of a request; it is written to logs and back to the caller.
_CHOSEN_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")

log = structlog.get_logger("podium")


def observe_requests(app: Flask) -> None:
    """Give each request an id, time it, log it once and count it."""

    @app.before_request
    def start() -> None:
        IN_PROGRESS.inc()
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
                **g.get("about", {}),
                **trace_id(),
            )
        response.headers[REQUEST_ID] = g.get("request_id", "")
        return response

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        if "started" in g:
            IN_PROGRESS.dec()

    @app.url_value_preprocessor
    def path(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        about(values or {})


def about(asked: Mapping[str, Any]) -> None:
    """Say in the log line of this request which of these things it is about."""
    found = {
        name: asked[name][:_LONGEST_NAME] for name in _THINGS if isinstance(asked.get(name), str)
    }
    if found:
        g.about = {**g.get("about", {}), **found}


def prometheus_text(gauges: Iterable[Gauge], *, multiprocess_dir: str | None) -> bytes:
    """All metrics in the text format; of every server process when they share a folder."""
    state = CollectorRegistry()
    state.register(_StateCollector(gauges))
    if multiprocess_dir is None:
        return generate_latest(PROCESS_REGISTRY) + generate_latest(state)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=multiprocess_dir)  # type: ignore[no-untyped-call]
    return generate_latest(registry) + generate_latest(state)


class _StateCollector(Collector):
    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for gauge in self._gauges:
            family = families.setdefault(
                gauge.name, GaugeMetricFamily(gauge.name, gauge.help, labels=tuple(gauge.labels))
            )
            family.add_metric(tuple(gauge.labels.values()), gauge.value)
        return families.values()


_LONGEST_NAME = 256
_THINGS = ("run_id", "experiment_id", "model_id", "name", "version")
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
