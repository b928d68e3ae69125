"""A server whose bucket hangs or is overloaded: what needs no files goes on as if nothing were."""

from __future__ import annotations

import json
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .services import free_ports
from .services.podium import PodiumServer, podium_up
from .services.proxy import Proxy, proxy
from .services.s3 import S3Server

_PATIENT = 60  # seconds; a thread that waits for a bucket that hangs does so for longer
# Uploads give up in seconds instead of a minute and a half.
_IN_HASTE = (
    sys.executable,
    "-c",
    "from podium.tracker.artifacts import s3\n"
    "s3._CONFIG.update(read_timeout=1, connect_timeout=1)\n"
    "from podium.registry.cli import main\n"
    "raise SystemExit(main())",
)
_SLOW_DOWN = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: 41\r\n"
    b"Connection: close\r\n\r\n<Error><Code>SlowDown</Code></Error>      "
)


@dataclass
class Bench:
    server: PodiumServer
    network: Proxy

    def call(self, path: str, body: object = None, *, method: str | None = None) -> tuple[int, Any]:
        asked = urllib.request.Request(self.server.url + path, method=method)
        if isinstance(body, bytes):
            asked.data = body
        elif body is not None:
            asked.data = json.dumps(body).encode()
            asked.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(asked, timeout=_PATIENT) as answer:
                status, said = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, said = error.code, error.read()
        return status, json.loads(said) if said.startswith(b"{") else said

    def files(self) -> str:
        """What /ready says of them; it answers 200 whatever that is."""
        status, report = self.call("/ready")
        assert status == 200, report
        assert (report["database"], report["schema"]) == ("ok", "ok")
        return str(report["artifacts"])

    def wait_until_ok(self) -> None:
        until = time.monotonic() + _PATIENT
        while (said := self.files()) != "ok":
            assert time.monotonic() < until, said

    def goes_on(self, run: str) -> None:
        """Logging metrics, and everything that probes ask, however many ask."""
        with ThreadPoolExecutor(8) as pool:
            assert {"ok"}.isdisjoint(pool.map(lambda _: self.files(), range(8)))
        assert self.call("/health") == (200, b"OK")
        metric = {"run_id": run, "key": "loss", "value": 0.5, "timestamp": 1}
        assert self.call("/api/2.0/mlflow/runs/log-metric", metric)[0] == 200


@pytest.fixture
def bench(s3: S3Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    name = f"away-{request.node.callspec.id}"
    s3.administrator().make_bucket(name)
    port = urlsplit(s3.endpoint).port
    assert port is not None
    with proxy(port) as network:
        settings = {
            **s3.environment,
            "PODIUM_S3_ENDPOINT": f"http://127.0.0.1:{network.port}",
            "PODIUM_THREADS": "4",
        }
        options = ("--artifacts", f"s3://{name}/below")
        with podium_up(tmp_path, options=options, environ=settings, program=_IN_HASTE) as server:
            yield Bench(server, network)


def _hang(network: Proxy) -> None:
    network.black = True


def _overload(network: Proxy) -> None:
    def rule(data: bytes, client: socket.socket) -> bool:
        client.sendall(_SLOW_DOWN)
        return False

    network.rule = rule
    network.drop()


@pytest.mark.parametrize("fail", [_hang, _overload], ids=["hangs", "overloaded"])
def test_only_files_are_away(bench: Bench, fail: Any) -> None:
    bench.wait_until_ok()
    _, made = bench.call("/api/2.0/mlflow/runs/create", {"experiment_id": "0"})
    run, folder = made["run"]["info"]["run_id"], made["run"]["info"]["artifact_uri"]
    file = f"/api/2.0/mlflow-artifacts/artifacts/{folder.partition(':')[2].strip('/')}/a.txt"

    fail(bench.network)
    bench.goes_on(run)
    status, refusal = bench.call(file, b"x", method="PUT")
    assert status == 503
    assert re.fullmatch(r"S3 [^\n]+\. [^\n]+\.", refusal["message"]), refusal
    bench.goes_on(run)

    bench.network.black, bench.network.rule = False, None
    bench.network.drop()
    assert bench.call(file, b"x", method="PUT")[0] == 200
    bench.wait_until_ok()


def test_it_is_started_while_its_bucket_is_away(s3: S3Server, tmp_path: Path) -> None:
    [nobody] = free_ports(1)
    settings = {**s3.environment, "PODIUM_S3_ENDPOINT": f"http://127.0.0.1:{nobody}"}
    options = ("--artifacts", "s3://any/below")
    with podium_up(tmp_path, options=options, environ=settings) as server:
        said = server.log.read_text()
        assert re.search(r"^podium: P004: S3 at \S+ \(PODIUM_S3_ENDPOINT\) cannot be reached", said)
        assert "cannot be reached" in Bench(server, Proxy(0, 0)).files()
