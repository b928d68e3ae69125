"""Servers to be hurt, and the figures for the report."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..services import MissingService, free_ports
from ..services.podium import PODIUM, environment
from ..services.postgres import Cluster, postgres_cluster

Measured = Callable[[str], None]


@dataclass
class Process:
    """A `podium` command, by which it can be started again after it was killed."""

    arguments: tuple[str, ...]
    environ: Mapping[str, str]
    log: Path
    url: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*PODIUM, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**environment(), **self.environ},
                start_new_session=True,
            )

    def kill(self) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self, seconds: float = 90) -> None:
        """Until it answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=30):
                return
            time.sleep(0.05)
        raise AssertionError(f"it did not start:\n{self.log.read_text()[-3000:]}")


@contextmanager
def replica(
    environ: Mapping[str, str], folder: Path, name: str, *, start: bool = True
) -> Iterator[Process]:
    """A `podium server` of one worker process."""
    [port] = free_ports(1)
    settings = {"PODIUM_WORKERS": "1", **environ}
    made = Process(
        ("server", "--port", str(port)),
        settings,
        folder / f"{name}.log",
        f"http://127.0.0.1:{port}",
    )
    if start:
        made.start()
    try:
        yield made
    finally:
        if made.process is not None:
            made.kill()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    try:
        with postgres_cluster() as made:
            yield made
    except MissingService as missing:
        pytest.skip(str(missing))


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """What the report says of this test beside its outcome."""
    return lambda text: record_property("measured", text)
