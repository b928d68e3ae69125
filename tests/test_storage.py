"""Files from a training script to the store: on S3 past the server, large ones in parts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

from .services.podium import environment, podium_up, production

# More than one request takes, so that it goes in parts of 32 MiB.
LARGE = 70 * 1024 * 1024

SCRIPT = """
import json, sys
from podium import client

folder = sys.argv[1]
with client.start_run("files", experiment="storage") as run:
    client.log_metric("loss", 0.5)
    client.log_artifact(f"{folder}/large.bin", "models")
    client.log_artifact(f"{folder}/empty.bin")
    client.log_text("hello", "notes/one two.txt")
print(json.dumps(run.run_id))
"""


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_training_scripts_files(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    body = bytes(range(251)) * (LARGE // 251)
    source = tmp_path / "source"
    source.mkdir()
    (source / "large.bin").write_bytes(body)
    (source / "empty.bin").touch()
    options: list[str] = []
    environ: dict[str, str] = {}
    if kind == "s3":
        postgres, s3 = request.getfixturevalue("postgres"), request.getfixturevalue("s3")
        options, environ = production(postgres, s3, "scripts")
    with podium_up(tmp_path / "data", options=options, environ=environ) as server:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(source)],
            env=environment() | {"PODIUM_TRACKING_URI": server.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        run_id = json.loads(done.stdout.splitlines()[-1])
        http = urllib3.PoolManager()
        for path, expected in {
            "models/large.bin": body,
            "empty.bin": b"",
            "notes/one two.txt": b"hello",
        }.items():
            answer = http.request(
                "GET", f"{server.url}/get-artifact", fields={"run_id": run_id, "path": path}
            )
            assert answer.status == 200, path
            assert answer.data == expected, path
        http.clear()
        log = [json.loads(line) for line in server.log.read_text().splitlines() if line[:1] == "{"]
    through = [line for line in log if "/mlflow-artifacts/artifacts/" in line.get("path", "")]
    assert bool(through) is (kind == "folder"), "on S3 no byte goes through the server"
