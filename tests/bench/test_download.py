"""What it costs to compare a download with what was uploaded."""

from __future__ import annotations

import http.client
import os
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..services.podium import podium_up
from .conftest import Figures

pytestmark = pytest.mark.bench

_SIZE, _TIMES = 256 * 2**20, 9
_PATH = "/api/2.0/mlflow-artifacts/artifacts/0/weights.bin"


def test_a_large_file(figures: Figures, tmp_path: Path) -> None:
    """Over loopback, at its best: a range of the whole is the same file, and is not compared."""
    with podium_up(tmp_path / "podium") as server:
        body = os.urandom(_SIZE)
        urllib.request.urlopen(
            urllib.request.Request(server.url + _PATH, body, method="PUT"), timeout=300
        ).close()
        whole, by_range = [], []
        for _ in range(_TIMES):
            whole.append(_seconds(server.url, {}))
            by_range.append(_seconds(server.url, {"Range": "bytes=0-"}))
    megabytes = _SIZE / 1e6
    figures.rate(
        "download of a 268 MB file, compared",
        megabytes / min(whole),
        megabytes / min(by_range),
        "MB/s",
        peer_name="as a range, not compared",
    )


def _seconds(url: str, headers: Mapping[str, str]) -> float:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=300)
    room, received = memoryview(bytearray(2**20)), 0
    began = time.perf_counter()
    connection.request("GET", _PATH, headers=dict(headers))
    answer = connection.getresponse()
    while some := answer.readinto(room):
        received += some
    took = time.perf_counter() - began
    connection.close()
    assert received == _SIZE
    return took
