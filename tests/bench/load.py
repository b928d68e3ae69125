"""Points sent to a server over one connection or several, as fast as it takes them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil
from podium.client import wire

_MLFLOW = "/api/2.0/mlflow/"
POINTS_TYPE = wire.CONTENT_TYPE
START = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    points_per_second: float
    cpu_us_a_point: float  # of the server and its children


def post(connection: HTTPConnection, path: str, body: bytes, kind: str = "application/json") -> Any:
    return json.loads(send(connection, path, body, kind))


def send(
    connection: HTTPConnection, path: str, body: bytes, kind: str = "application/json"
) -> bytes:
    """The answer as it comes: to read it costs the caller, not the server."""
    connection.request("POST", path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    data = answer.read()
    assert answer.status == 200, (answer.status, data[:300])
    return data


def connect(url: str) -> HTTPConnection:
    return HTTPConnection(urlsplit(url).netloc, timeout=120)


def new_run(url: str) -> str:
    body = json.dumps({"experiment_id": "0", "start_time": START, "tags": []}).encode()
    with closing(connect(url)) as connection:
        run = post(connection, f"{_MLFLOW}runs/create", body)["run"]
    return str(run["info"]["run_id"])


def noisy(first: int, count: int) -> tuple[Any, Any, Any]:
    """Steps, times 40 to 60 ms apart, and a loss that falls under noise."""
    chance = np.random.default_rng(first)
    steps = np.arange(first, first + count, dtype=np.int64)
    times = START + steps * 50 + chance.integers(-10, 10, count)
    loss = 2.3 * np.exp(-steps / 200_000) + chance.normal(0, 0.05, count)
    return steps, times, loss


def json_batches(run_id: str, count: int, size: int = 1000, first: int = 0) -> list[bytes]:
    found = []
    for number in range(count):
        columns = [column.tolist() for column in noisy(first + number * size, size)]
        metrics = [
            {"key": "loss", "value": value, "timestamp": when, "step": step}
            for step, when, value in zip(*columns, strict=True)
        ]
        found.append(json.dumps({"run_id": run_id, "metrics": metrics}).encode())
    return found


def native_batches(count: int, size: int, *, first: int = 0, key: str = "loss") -> list[bytes]:
    writer = os.urandom(16)
    found = []
    for number in range(count):
        columns = (column.tobytes() for column in noisy(first + number * size, size))
        batch = wire.Batch(writer, number, (wire.Series(key, *columns),))
        found.append(wire.encode(batch))
    return found


def send_json(url: str, pid: int, bodies: Sequence[bytes], *, points: int, threads: int) -> Rate:
    return _send(
        url,
        pid,
        f"{_MLFLOW}runs/log-batch",
        "application/json",
        bodies,
        points=points,
        threads=threads,
    )


def send_native(
    url: str, pid: int, run_id: str, bodies: Sequence[bytes], *, points: int, threads: int = 1
) -> Rate:
    path = f"/api/v1/runs/{run_id}/points"
    return _send(url, pid, path, POINTS_TYPE, bodies, points=points, threads=threads)


def _send(
    url: str,
    pid: int,
    path: str,
    kind: str,
    bodies: Sequence[bytes],
    *,
    points: int,
    threads: int,
) -> Rate:
    def work(number: int) -> None:
        connection = connect(url)
        for body in bodies[number::threads]:
            post(connection, path, body, kind)
        connection.close()

    with _cpu(pid) as used:
        started = time.perf_counter()
        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - started
    return Rate(points / seconds, used[0] / points * 1e6)


@contextmanager
def _cpu(pid: int) -> Iterator[list[float]]:
    """Seconds of processor time that the server used meanwhile."""
    found = [0.0]
    before = cpu_seconds(pid)
    yield found
    found[0] = cpu_seconds(pid) - before


def cpu_seconds(pid: int) -> float:
    """Processor time that a process and its descendants have used."""
    root = psutil.Process(pid)
    times = [each.cpu_times() for each in [root, *root.children(recursive=True)]]
    return float(sum(each.user + each.system for each in times))
