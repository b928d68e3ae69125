"""MLflow's calls one after another over one connection, beside MLflow's own server."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from ..services.mlflow import mlflow_server
from ..services.podium import podium_up
from . import load
from .conftest import Figures

pytestmark = pytest.mark.bench

_MLFLOW = "/api/2.0/mlflow"
_FILES = "/api/2.0/mlflow-artifacts/artifacts/0"
_PEER = "mlflow server, SQLite"
_TIMES, _RUNS = 50, 200
_LARGE, _CHUNK = 1 << 30, 1 << 20

Found = dict[str, float]


def test_calls(figures: Figures, tmp_path: Path) -> None:
    with podium_up(tmp_path / "podium") as server:
        ours = _calls(server.url)
    with mlflow_server(tmp_path) as peer:
        theirs = _calls(peer.url)
    for call, found in ours.items():
        figures.add(f"{call}, median", found, theirs[call], "ms", peer_name=_PEER)


@pytest.mark.timeout(900)
def test_files(figures: Figures, tmp_path: Path) -> None:
    with podium_up(tmp_path / "podium") as server:
        ours = _files(server.url)
    with mlflow_server(tmp_path) as peer:
        theirs = _files(peer.url)
    for what, found in ours.items():
        unit = "MiB/s" if "GiB" in what else "1/s"
        figures.rate(what, found, theirs[what], unit, peer_name=_PEER)


def _calls(url: str) -> Found:
    with closing(load.connect(url)) as connection:

        def post(path: str, **body: object) -> Callable[[], Any]:
            data = json.dumps(body).encode()
            return lambda: load.post(connection, _MLFLOW + path, data)

        start = post("/runs/create", experiment_id="0", start_time=load.START, tags=[])
        found = {"create_run": _median_ms(start)}
        runs = [str(start()["run"]["info"]["run_id"]) for _ in range(_RUNS)]
        for number, run_id in enumerate(runs):
            metrics = [
                {"key": f"m{key}", "value": number / (key + 1), "timestamp": load.START, "step": 1}
                for key in range(10)
            ]
            params = [{"key": f"p{key}", "value": str(key)} for key in range(10)]
            post("/runs/log-batch", run_id=run_id, metrics=metrics, params=params)()
        one = [{"key": "loss", "value": 0.5, "timestamp": load.START, "step": 1}]
        found["log_batch of one point"] = _median_ms(
            post("/runs/log-batch", run_id=runs[0], metrics=one)
        )
        found["search_runs, 100 of 200"] = _median_ms(
            post("/runs/search", experiment_ids=["0"], max_results=100)
        )
        found["get_run"] = _median_ms(
            lambda: _read(connection, f"{_MLFLOW}/runs/get?run_id={runs[0]}")
        )
    return found


def _files(url: str) -> Found:
    chunk, small = bytes(_CHUNK), bytes(10 * 1024)
    with closing(load.connect(url)) as connection:
        up = _seconds(lambda: _put(connection, "/large", _repeated(chunk), _LARGE))
        down = _seconds(lambda: _read(connection, f"{_FILES}/large"))
        many = _seconds(lambda: _put_many(connection, small))
    mib = _LARGE / (1 << 20)
    return {
        "upload of 1 GiB": mib / up,
        "download of 1 GiB": mib / down,
        "uploads of 10 KiB": _RUNS / many,
    }


def _repeated(chunk: bytes) -> Iterator[bytes]:
    return (chunk for _ in range(_LARGE // _CHUNK))


def _put(connection: HTTPConnection, path: str, body: Iterator[bytes], size: int) -> None:
    connection.request("PUT", _FILES + path, body, {"Content-Length": str(size)})
    answer = connection.getresponse()
    assert answer.status == 200, (answer.status, answer.read(300))
    answer.read()


def _put_many(connection: HTTPConnection, body: bytes) -> None:
    for number in range(_RUNS):
        _put(connection, f"/small/{number}", iter((body,)), len(body))


def _read(connection: HTTPConnection, path: str) -> int:
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200, (answer.status, answer.read(300))
    size = 0
    while chunk := answer.read(_CHUNK):
        size += len(chunk)
    return size


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _median_ms(call: Callable[[], object]) -> float:
    call()
    return statistics.median(_seconds(call) for _ in range(_TIMES)) * 1000
