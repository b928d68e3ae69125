"""OpenTelemetry traces of requests and of the statements they make, where a collector is named.

Names of spans and attributes are those of OpenTelemetry's semantic conventions for HTTP and
databases (https://opentelemetry.io/docs/specs/semconv/); everything but whether to trace, its SDK
reads from the environment. Its instrumentation for SQLAlchemy knows versions below 2.1 only, and
binds a web framework's to the same release: the few lines here need the exporter alone.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request
from podium.client.errors import ConfigError
from sqlalchemy import Connection, event

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from .db import Database

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_UNTRACED = ("operations.health", "operations.ready", "operations.metrics")


def trace(app: Flask, db: Database) -> None:
    """Trace ``app`` if ``OTEL_EXPORTER_OTLP_ENDPOINT`` names a collector (OTLP over HTTP).

    To be called in the process that answers: the thread that sends is not there after a fork.
    Raises :class:`ConfigError` where what that needs is not installed.
    """
    if not os.environ.get(ENDPOINT):
        return
    tracer = _tracer()
    _trace_requests(app, tracer)
    _trace_statements(db, tracer)


def trace_id() -> dict[str, str]:
    """Of the request that is being answered, for its log line; nothing where it is not traced."""
    if "span" not in g:
        return {}
    return {"trace_id": format(g.span.get_span_context().trace_id, "032x")}


def _tracer() -> Tracer:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"{ENDPOINT} is set, and {missing.name} is not installed. "
            "Type: pip install 'podium[tracing]'; or unset it."
        ) from None
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "podium"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("podium")


def _trace_requests(app: Flask, tracer: Tracer) -> None:
    from opentelemetry import context, propagate
    from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

    @app.before_request
    def begin() -> None:
        if request.endpoint in _UNTRACED:
            return
        route = request.url_rule.rule if request.url_rule else ""
        g.span = tracer.start_span(
            f"{request.method} {route}".rstrip(),
            context=propagate.extract({name.lower(): text for name, text in request.headers}),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": request.method,
                "http.route": route,
                "url.path": request.path,
            },
        )
        g.span_token = context.attach(set_span_in_context(g.span))

    @app.after_request
    def answered(response: Response) -> Response:
        if "span" in g:
            g.span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                g.span.set_status(StatusCode.ERROR)
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        if "span" in g:
            context.detach(g.span_token)
            g.span.end()


def _trace_statements(db: Database, tracer: Tracer) -> None:
    """Those of requests: what belongs to none would be traces of one span each, by the thousand."""
    from opentelemetry.trace import SpanKind, StatusCode, get_current_span

    def begin(
        _: Connection, _cursor: Any, statement: str, _values: Any, made: Any, *_more: Any
    ) -> None:
        if get_current_span().get_span_context().is_valid:
            made.podium_span = tracer.start_span(
                statement.partition(" ")[0],
                kind=SpanKind.CLIENT,
                attributes={"db.system.name": db.dialect, "db.query.text": statement},
            )

    def end(
        _: Connection, _cursor: Any, _statement: str, _values: Any, made: Any, *_more: Any
    ) -> None:
        if (span := getattr(made, "podium_span", None)) is not None:
            span.end()

    def fail(failure: Any) -> None:
        span = getattr(failure.execution_context, "podium_span", None)
        if span is not None:
            span.set_status(StatusCode.ERROR, type(failure.original_exception).__name__)
            span.end()

    for engine in db.engines:
        event.listen(engine, "before_cursor_execute", begin)
        event.listen(engine, "after_cursor_execute", end)
        event.listen(engine, "handle_error", fail)
