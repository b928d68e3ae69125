"""`podium serve-model` with a real MLServer: a version answers over the Open Inference Protocol."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from podium import client
from podium.client.model_files import CHANGED

from ..services import free_ports
from ..services.podium import PodiumServer, environment, podium_up
from . import processes
from .models import infer, register_line


@pytest.fixture(scope="module")
def podium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodiumServer]:
    with podium_up(tmp_path_factory.mktemp("podium") / "data") as server:
        yield server


def test_it_answers_and_a_changed_file_does_not_start(
    podium: PodiumServer, mlserver: Path, tmp_path: Path
) -> None:
    client.configure(podium.url)
    run = register_line("churn", slope=2.0)
    port, metrics, grpc = free_ports(3)
    environ = environment() | {
        "PODIUM_TRACKING_URI": podium.url,
        "PATH": f"{mlserver}{os.pathsep}{os.environ['PATH']}",
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_GRPC_PORT": str(grpc),
    }
    command = [sys.executable, "-m", "podium.registry.cli", "serve-model"]
    command += ["--folder", str(tmp_path), "--port", str(port), "--metrics-port", str(metrics)]
    command += ["--", "churn", "1"]
    output = tmp_path / "output"
    server = processes.start(command, output, environ=environ)
    try:
        address = f"127.0.0.1:{port}"
        assert processes.wait_for("an answer", lambda: infer(address, "churn", 3.0), 200) == (
            6.0,
            "1",
        )
    finally:
        processes.end(server)
    client.start_run(run_id=run)
    client.log_text("flavors: {}", "model/MLmodel")
    client.end_run()
    assert client.flush(20)
    for path in (tmp_path / "files").iterdir():
        path.unlink()
    refused = processes.start(command, output, environ=environ)
    assert refused.wait(200) == 1
    assert f"MLmodel {CHANGED}" in output.read_text()
