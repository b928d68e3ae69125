"""A server on loopback that answers as Podium does, except where a test's script says otherwise."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from podium.client import wire

Json = dict[str, Any]
# Answer with this status and these headers instead; or one of the words that Handler knows.
Fault = str | tuple[int, dict[str, str], bytes]
Script = Callable[[int, str, str], Fault | None]


def refuses(status: int, message: str = "no", **headers: str) -> Fault:
    body = json.dumps({"error_code": "ANY", "message": message}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, body


@dataclass
class State:
    """What the server was told and has kept."""

    runs: dict[str, Json] = field(default_factory=dict)
    batches: dict[tuple[bytes, int], wire.Batch] = field(default_factory=dict)
    of_run: dict[str, list[wire.Batch]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    resent: int = 0

    def steps(self, run_id: str, key: str) -> list[int]:
        found: list[int] = []
        for batch in self.of_run.get(run_id, []):
            for series in batch.series:
                if series.key == key:
                    found += struct.unpack(f"<{len(series)}q", series.steps)
        return found

    def values(self, run_id: str, key: str) -> list[float]:
        found: list[float] = []
        for batch in self.of_run.get(run_id, []):
            for series in batch.series:
                if series.key == key:
                    found += struct.unpack(f"<{len(series)}d", series.values)
        return found


class ScriptedServer:
    def __init__(self) -> None:
        self.state = State()
        self.script: Script = lambda _number, _method, _path: None
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.http = _Server(("127.0.0.1", 0), _Handler)
        self.http.owner = self
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def fail_first(self, count: int, fault: Fault, *, path: str = "") -> None:
        """Let the first requests to a path that holds this text go wrong."""
        left = [count]

        def script(_number: int, _method: str, requested: str) -> Fault | None:
            if path not in requested or left[0] <= 0:
                return None
            left[0] -= 1
            return fault

        self.script = script


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: ScriptedServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base's name)
        pass

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_GET  # noqa: N815

    def _serve(self) -> None:
        owner = self.server.owner
        path = urlsplit(self.path).path
        with owner.lock:
            owner.state.requests.append(f"{self.command} {path}")
            fault = owner.script(len(owner.state.requests), self.command, path)
        if fault == "reset in body":
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            self._reset()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault == "hang":
            owner.released.wait(30)
            self._reset()
        elif fault == "garbage":
            self._send(200, {"Content-Type": "text/html"}, b"<html>a login page</html>")
        elif fault == "half an answer":
            self._send(200, {"Content-Length": "100"}, b"{")
            self.close_connection = True
        elif isinstance(fault, tuple):
            self._send(*fault)
        else:
            with owner.lock:
                answer = self._keep(path, body)
            if fault == "lose the answer":
                self._reset()
                return
            self._send(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def _keep(self, path: str, body: bytes) -> Json:
        state = self.server.owner.state
        if path.endswith("/points"):
            return self._keep_points(path.split("/")[-2], body)
        if "/mlflow-artifacts/artifacts/" in path:
            name = unquote(path.split("/mlflow-artifacts/artifacts/")[1])
            state.files[name] = body
            state.checksums[name] = self.headers["X-Podium-Checksum-SHA256"]
            return {}
        if path.endswith("/server-info"):
            return {"multipart_uploads_enabled": False}
        asked = json.loads(body) if body else {}
        if path.endswith("/runs/create"):
            run = state.runs.setdefault(
                asked["run_id"], {**asked, "status": "RUNNING", "params": {}, "tags": {}}
            )
            run["tags"].update({tag["key"]: tag["value"] for tag in asked["tags"]})
            return {"run": _render(run)}
        if path.endswith("/runs/update"):
            state.runs[asked["run_id"]].update(asked)
        elif path.endswith("/runs/log-batch"):
            for kind in ("params", "tags"):
                pairs = {each["key"]: each["value"] for each in asked[kind]}
                state.runs[asked["run_id"]][kind].update(pairs)
        elif path.endswith("/runs/get"):
            [run_id] = parse_qs(urlsplit(self.path).query)["run_id"]
            return {"run": _render(state.runs[run_id])}
        return {}

    def _keep_points(self, run_id: str, body: bytes) -> Json:
        state, batch = self.server.owner.state, wire.decode(body)
        assert run_id in state.runs, "points came before their run"
        name = (batch.writer, batch.sequence)
        known = state.batches.get(name)
        if known is not None:
            assert known == batch, "a batch came again with other content"
            state.resent += 1
            return {"stored": 0, "duplicate": True}
        state.batches[name] = batch
        state.of_run.setdefault(run_id, []).append(batch)
        return {"stored": batch.points, "duplicate": False}


def _render(run: Json) -> Json:
    return {
        "info": {
            "run_id": run["run_id"],
            "experiment_id": "7",
            "status": run["status"],
            "artifact_uri": f"mlflow-artifacts:/7/{run['run_id']}/artifacts",
        },
        "data": {
            "params": [{"key": key, "value": value} for key, value in run["params"].items()],
            "tags": [{"key": key, "value": value} for key, value in run["tags"].items()],
            "metrics": [{"key": "loss", "value": "NaN", "timestamp": 5, "step": 41}],
        },
    }
