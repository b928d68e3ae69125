"""What the server costs: to start, and to keep."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from ..services.mlflow import mlflow_server
from ..services.podium import podium_up
from .conftest import Figures
from .peer import memory_mb

pytestmark = pytest.mark.bench

_PEER = "mlflow server, new folder"


def test_start_and_memory(figures: Figures, tmp_path: Path) -> None:
    starts = [_start(tmp_path / f"data-{number}") for number in range(3)]
    seconds, memory = (statistics.median(each) for each in zip(*starts, strict=True))
    again, _ = _start(tmp_path / "data-0")
    with mlflow_server(tmp_path) as peer:
        peer_memory = memory_mb(peer.pid)
    for what, ours in (("new folder", seconds), ("old folder", again)):
        figures.add(f"podium up, exec to healthy, {what}", ours, peer.seconds, "s", peer_name=_PEER)
    figures.add("podium up, memory (PSS)", memory, peer_memory, "MB", peer_name=_PEER)


def _start(data: Path) -> tuple[float, float]:
    """Seconds from exec to the first healthy answer, and MB of memory then."""
    started = time.perf_counter()
    with podium_up(data) as server:
        return time.perf_counter() - started, memory_mb(server.process.pid)
