"""The whole of it, with the server dying in the middle of a training."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from .services import free_ports
from .services.podium import PodiumServer, environment, podium_up

_POINTS = 600
_TRAINING = f"""
import sys, time
from podium import client

with client.start_run(experiment="faults") as run:
    run.log_param("points", {_POINTS})
    for step in range({_POINTS}):
        run.log_metric("loss", 1 / (step + 1), step)
        if step == 150:
            print("flushed", run.flush(), flush=True)  # the server has all so far
        time.sleep(0.01)
    run.log_text("done", "result.txt")
print(run.run_id, flush=True)
"""


def test_a_training_outlives_two_deaths_of_the_server(tmp_path: Path) -> None:
    """Killed at a third with points acknowledged and on their way, again while it comes back."""
    [port] = free_ports(1)
    data = tmp_path / "data"
    with podium_up(data, port=port) as server:
        training = _train(server.url)
        assert training.stdout is not None
        assert training.stdout.readline() == "flushed True\n"
        server.kill()
    with podium_up(data, port=port) as server:
        acknowledged = _steps(server)
        assert acknowledged[:151] == list(range(151))
        server.kill()
    with podium_up(data, port=port) as server:
        output, errors = training.communicate(timeout=120)
        assert training.returncode == 0, errors
        [run] = _search(server)
        assert run["info"]["run_id"] == output.strip()
        assert run["info"]["status"] == "FINISHED"
        assert _steps(server) == list(range(_POINTS))
        listed = _call(server, "artifacts/list", run_id=output.strip())
    assert [each["path"] for each in listed["files"]] == ["result.txt"]
    assert "Traceback" not in errors


def test_a_training_that_is_killed_is_seen_to_have_crashed(tmp_path: Path) -> None:
    """And revives when the next process of the machine sends what it left."""
    with podium_up(tmp_path / "data") as server:
        spool = str(tmp_path / "spool")
        training = _train(server.url, PODIUM_HEARTBEAT="1", PODIUM_SPOOL=spool)
        assert training.stdout is not None
        assert training.stdout.readline() == "flushed True\n"
        time.sleep(1.5)  # a beat
        training.kill()
        training.communicate()
        deadline = time.monotonic() + 90
        while _search(server)[0]["info"]["status"] == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.5)
        [run] = _search(server)
        assert run["info"]["status"] == "FAILED"
        tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
        assert "no sign of life since" in tags["podium.crashed"]
        before = len(_steps(server))
        command = [sys.executable, "-m", "podium.registry.cli", "sync"]
        environ = {**environment(), "PODIUM_TRACKING_URI": server.url, "PODIUM_SPOOL": spool}
        subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
        steps = _steps(server)
        assert steps == list(range(len(steps)))
        if len(steps) > before:
            assert _search(server)[0]["info"]["status"] == "RUNNING"


def test_a_training_without_a_server_ends_as_if_nothing_were_wrong(tmp_path: Path) -> None:
    [port] = free_ports(1)
    training = _train(f"http://127.0.0.1:{port}", PODIUM_FINISH_TIMEOUT="1")
    output, errors = training.communicate(timeout=120)
    assert training.returncode == 0, errors
    assert output.splitlines()[0] == "flushed False"
    assert f"127.0.0.1:{port}" in errors
    assert "Traceback" not in errors


def _train(url: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _TRAINING],
        env={**environment(), "PODIUM_TRACKING_URI": url, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _search(server: PodiumServer) -> list[dict[str, Any]]:
    found = _call(server, "experiments/get-by-name", experiment_name="faults")
    body = {"experiment_ids": [found["experiment"]["experiment_id"]]}
    runs = _call(server, "runs/search", body)["runs"]
    assert isinstance(runs, list)
    return runs


def _steps(server: PodiumServer) -> list[int]:
    [run] = _search(server)
    history = _call(
        server,
        "metrics/get-history",
        run_id=run["info"]["run_id"],
        metric_key="loss",
        max_results="25000",
    )
    return [int(point["step"]) for point in history["metrics"]]


def _call(
    server: PodiumServer, path: str, body: dict[str, Any] | None = None, **query: str
) -> dict[str, Any]:
    url = f"{server.url}/api/2.0/mlflow/{path}"
    if query:
        url += "?" + "&".join(f"{name}={value}" for name, value in query.items())
    request = urllib.request.Request(
        url,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    assert isinstance(found, dict)
    return found
