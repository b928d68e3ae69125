"""`podium up` as a process of its own, as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import free_ports
from .postgres import PostgresServer
from .s3 import S3Server

# Long, since machines that run tests are shared; how long a start takes is tests/bench's subject.
_START_SECONDS = 120
PODIUM = (sys.executable, "-m", "podium.registry.cli")


@dataclass(frozen=True, slots=True)
class PodiumServer:
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """As a power cut does it: SIGKILL to the server and everything it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As a person does it; returns the exit status."""
        self.process.terminate()
        return self.process.wait(timeout=60)


@contextmanager
def podium_up(
    data: Path,
    *,
    port: int | None = None,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    program: Sequence[str] = PODIUM,
) -> Iterator[PodiumServer]:
    """A server that answers, killed at the end if the test has not ended it.

    ``options`` are more of the command's, as in ``("--database", url)``; ``program`` is what
    stands for ``podium`` itself.
    """
    if port is None:
        [port] = free_ports(1)
    data.mkdir(parents=True, exist_ok=True)
    url, log = f"http://127.0.0.1:{port}", data / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*program, "up", "--port", str(port), "--data", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**environment(), **(environ or {})},
            start_new_session=True,
        )
    server = PodiumServer(url, process, log)
    try:
        _wait_until_healthy(server)
        yield server
    finally:
        if process.poll() is None:
            server.kill()


def production(
    postgres: PostgresServer, s3: S3Server, name: str
) -> tuple[list[str], dict[str, str]]:
    """Options and environment of a server over a database and a bucket of its own, made here."""
    s3.administrator().make_bucket(name)
    options = ["--database", postgres.create_database(name), "--artifacts", f"s3://{name}/below"]
    return options, {**s3.environment, "PODIUM_S3_ENDPOINT": s3.endpoint}


def environment() -> dict[str, str]:
    """This process's environment without the settings of whoever runs the tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PODIUM_", "MLFLOW_", "PROMETHEUS_"))
    }


def _wait_until_healthy(server: PodiumServer) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise AssertionError(f"podium up did not start:\n{server.log.read_text()[-4000:]}")
