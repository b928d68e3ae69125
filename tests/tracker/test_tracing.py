"""Traces, as a collector gets them."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ..services.podium import environment

_PROGRAM = """
import sys, structlog
from podium.tracker.app import create_app
from podium.tracker.config import Config
url, artifacts = sys.argv[1:]
app = create_app(Config(database_url=url, artifacts=artifacts))
http = app.test_client()
parent = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
http.get("/health", headers={"traceparent": parent})
answer = http.post(
    "/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}, headers={"traceparent": parent}
)
assert answer.status_code == 200, answer.data
"""


def test_a_request_and_its_statements_are_one_trace(database_url: str, tmp_path: Path) -> None:
    told: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, database_url, str(tmp_path)],
            env={
                **environment(),
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert f"trace_id={'a' * 32}" in done.stdout
    resources = [each for request in told for each in request.resource_spans]
    names = {a.key: a.value.string_value for each in resources for a in each.resource.attributes}
    assert names["service.name"] == "podium"
    spans = [span for each in resources for scope in each.scope_spans for span in scope.spans]
    assert {span.trace_id.hex() for span in spans} == {"a" * 32}
    [request] = [span for span in spans if span.parent_span_id.hex() == "b" * 16]
    assert request.name == "POST /api/2.0/mlflow/runs/create"
    statements = [span for span in spans if span.name.startswith(("SELECT", "INSERT"))]
    assert {span.parent_span_id for span in statements} == {request.span_id}


def test_what_is_missing_is_named(sqlite_url: str, tmp_path: Path) -> None:
    hide = (
        "import sys; sys.modules['opentelemetry.exporter.otlp.proto.http.trace_exporter'] = None;"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide + _PROGRAM, sqlite_url, str(tmp_path)],
        env={**environment(), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "pip install 'podium[tracing]'" in done.stderr.splitlines()[-1]
