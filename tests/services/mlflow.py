"""A stock MLflow server over SQLite and a local folder, as `mlflow server` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import free_ports
from .podium import environment


@dataclass(frozen=True, slots=True)
class MlflowServer:
    url: str
    pid: int
    seconds: float  # from exec to the first healthy answer


@contextmanager
def mlflow_server(folder: Path) -> Iterator[MlflowServer]:
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    with (folder / "mlflow.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"),
                *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                *("--artifacts-destination", str(folder / "mlartifacts")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield MlflowServer(url, process.pid, _seconds_until_healthy(process, url, started))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _seconds_until_healthy(process: subprocess.Popen[bytes], url: str, started: float) -> float:
    while time.perf_counter() - started < 120 and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return time.perf_counter() - started
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise AssertionError("mlflow server did not start")
