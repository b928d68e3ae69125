"""A client that was never used, and a server that does what a test tells it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from podium import client
from podium.client import active, retry, session

from .scripted import ScriptedServer, scripted_server


@pytest.fixture(autouse=True)
def fresh_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of whoever runs the tests, no run of an earlier test, and quick retries."""
    for name in list(os.environ):
        if name.startswith(("PODIUM_", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(retry, "FIRST", 0.02)
    monkeypatch.setattr(retry, "LONGEST", 0.1)
    before = signal.getsignal(signal.SIGTERM)
    yield
    current = session.current()
    for run in current.open_runs:
        run.close(client.RunStatus.FINISHED)
    session.end()
    current.close()
    active.clear()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as found:
        client.configure(found.url, finish_timeout=60)
        yield found
