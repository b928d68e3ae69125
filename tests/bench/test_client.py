"""What a training script pays: to import the client, and for each call."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ..services.mlflow import mlflow_server
from ..services.podium import environment, podium_up
from .conftest import Figures

pytestmark = pytest.mark.bench

_CALLS, _SYNC_CALLS = 10_000, 200


def test_import_time(figures: Figures) -> None:
    bare = _run_ms("pass")
    ours = _run_ms("from podium import client; client.log_metric") - bare
    peer = _run_ms("import mlflow; mlflow.log_metric") - bare
    figures.add("import of the client", ours, peer, "ms", peer_name="import mlflow")


def test_log_metric(figures: Figures, tmp_path: Path) -> None:
    with podium_up(tmp_path / "podium") as server, mlflow_server(tmp_path) as peer:
        ours = _call_us(server.url, _OURS, _CALLS)
        theirs = _call_us(peer.url, _MLFLOW, _SYNC_CALLS)
        through_us = _call_us(server.url, _MLFLOW, _SYNC_CALLS)
    for name, found, against in (
        ("log_metric, median", ours[0], theirs[0]),
        ("log_metric, 99th percentile", ours[1], theirs[1]),
    ):
        figures.add(name, found, against, "us", peer_name="mlflow, its own server")
    figures.add(
        "mlflow's log_metric against Podium, median",
        through_us[0],
        theirs[0],
        "us",
        peer_name="against its own server",
    )


def test_memory_of_ten_million_points(figures: Figures, tmp_path: Path) -> None:
    """While the server keeps up: the spool's pages are let go of as they are sent."""
    with podium_up(tmp_path / "podium") as server:
        grown, raw = map(float, _python(_MEMORY.format(url=server.url)).split()[-2:])
    figures.add("memory grown by 10M points", grown, raw, "MB", peer_name="the points, raw")


_MEMORY = """
import resource
from podium import client
client.configure({url!r}, finish_timeout=300)
run = client.start_run()
def resident():
    with open("/proc/self/status") as status:
        [line] = [each for each in status if each.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
run.log_metric("loss", 0.5, 0)
before = most = resident()
for step in range(10_000_000):
    run.log_metric("loss", 0.5, step)
    if step % 250_000 == 0:
        most = max(most, resident())
assert run.flush()
print(most - before, 10_000_000 * 24 / 1e6)
"""
_OURS = """
from podium import client
client.configure({url!r})
run = client.start_run()
call = run.log_metric
"""
_MLFLOW = """
import logging; logging.disable(logging.INFO)
import mlflow
mlflow.set_tracking_uri({url!r})
mlflow.start_run()
call = mlflow.log_metric
"""
_MEASURE = """
from time import perf_counter_ns
took = []
for step in range({calls}):
    started = perf_counter_ns()
    call("loss", 0.5, step)
    took.append(perf_counter_ns() - started)
took.sort()
print("took", took[len(took) // 2] / 1e3, took[len(took) * 99 // 100] / 1e3)
"""


def _call_us(url: str, setup: str, calls: int) -> tuple[float, float]:
    """Median and 99th percentile of one call, in microseconds, in a process of its own."""
    script = setup.format(url=url) + _MEASURE.format(calls=calls)
    [line] = [each for each in _python(script).splitlines() if each.startswith("took ")]
    _, median, high = line.split()
    return float(median), float(high)


def _run_ms(script: str) -> float:
    return statistics.median(_time_ms(lambda: _python(script)) for _ in range(7))


def _time_ms(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def _python(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environment(),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
