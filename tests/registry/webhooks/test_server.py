"""`podium up` and `podium worker`, from a change to a receiver, with a death in between."""

from __future__ import annotations

import json
import stat
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from ...services.podium import PODIUM, PodiumServer, environment, podium_up
from ...services.receiver import Receiver, answer, receiver

_ALLOW = {"PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8"}


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def post(server: PodiumServer, path: str, **body: Any) -> dict[str, Any]:
    request = urllib.request.Request(
        server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as found:
        value = json.load(found)
    assert isinstance(value, dict)
    return value


def test_what_was_acknowledged_is_told_whoever_dies(tmp_path: Path, there: Receiver) -> None:
    """The receiver is away at first; the server is killed; a worker alone brings all of it."""
    data = tmp_path / "data"
    there.behaviours["/"] = answer(503)
    with podium_up(data, environ=_ALLOW) as server:
        made = post(server, "/api/v1/webhooks", name="a", url=there.url + "/")
        for number in range(5):
            post(server, "/api/2.0/mlflow/registered-models/create", name=f"m{number}")
        there.wait(5)
        time.sleep(0.5)  # else the next worker has to sit out the lease of this one
        server.kill()
    there.behaviours.clear()
    there.received.clear()
    assert stat.S_IMODE((data / "secret.keys").stat().st_mode) == 0o600
    settings = {
        **environment(),
        **_ALLOW,
        "PODIUM_DATABASE_URL": f"sqlite:///{data / 'podium.db'}",
        "PODIUM_ARTIFACTS": str(data / "artifacts"),
        "PODIUM_SECRET_KEYS_FILE": str(data / "secret.keys"),
    }
    worker = subprocess.Popen([*PODIUM, "worker"], env=settings, stderr=subprocess.PIPE, text=True)
    try:
        verify = Webhook(made["secret"]).verify
        names: set[str] = set()
        count = 0
        while names != {f"m{number}" for number in range(5)}:
            count += 1
            latest = there.wait(count, seconds=120)[count - 1]
            names.add(verify(latest.body, latest.headers)["data"]["name"])
    finally:
        worker.terminate()
        _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert "Traceback" not in errors
    assert "whsec_" not in errors


def test_a_server_that_cannot_read_its_keys_says_so_at_start(tmp_path: Path) -> None:
    settings = {**environment(), "PODIUM_SECRET_KEYS_FILE": str(tmp_path / "none")}
    command = [*PODIUM, "up", "--data", str(tmp_path / "data")]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "P006" in done.stderr
    assert "PODIUM_SECRET_KEYS_FILE" in done.stderr
