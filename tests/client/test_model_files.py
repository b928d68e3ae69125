"""The files of a version, downloaded and verified, from a folder and from S3."""

from __future__ import annotations

import itertools
import json
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from podium import client
from podium.client import model_files, serving
from podium.client.errors import BadRequest, FilesChanged, NotFound

from ..services.podium import PODIUM, PodiumServer, environment, podium_up
from ..services.s3 import S3Server

_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["folder", "s3"])
def podium(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodiumServer]:
    data = tmp_path_factory.mktemp("files") / "data"
    if request.param == "folder":
        with podium_up(data) as server:
            yield server
        return
    s3: S3Server = request.getfixturevalue("s3")
    s3.administrator().make_bucket("model-files")
    environ = {**s3.environment, "PODIUM_S3_ENDPOINT": s3.endpoint}
    options = ["--artifacts", "s3://model-files"]
    with podium_up(data, options=options, environ=environ) as server:
        yield server


@pytest.fixture
def register(podium: PodiumServer, tmp_path: Path) -> Callable[..., tuple[str, client.Run]]:
    """Registers files as version 1 of a model that only this test has."""
    client.configure(podium.url, finish_timeout=60)
    name = f"m-{next(_numbers)}"

    def make(files: dict[str, bytes]) -> tuple[str, client.Run]:
        for path, content in files.items():
            (tmp_path / "made" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "made" / path).write_bytes(content)
        with client.start_run() as run:
            client.log_artifacts(tmp_path / "made", "model")
            client.register_model(name)
        return name, run

    return make


_FILES = {"MLmodel": b"flavors: {}\n", "data/a b ü.bin": b"\0" * 70_000, "data/empty": b""}


def test_they_come_whole(
    register: Callable[..., tuple[str, client.Run]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_files, "_CHUNK", 32 * 1024)  # so that there are several
    name, _ = register(_FILES)
    folder = client.download_model(name, 1, tmp_path / "got")
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    assert {path: found[path].read_bytes() for path in found} == _FILES
    # What is there and right is not fetched again; what is not right is.
    (folder / "MLmodel").write_bytes(b"flavors: {!\n")
    kept = (folder / "data" / "a b ü.bin").stat().st_mtime_ns
    client.download_model(name, "1", folder)
    assert (folder / "MLmodel").read_bytes() == _FILES["MLmodel"]
    assert (folder / "data" / "a b ü.bin").stat().st_mtime_ns == kept


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"flavors: {!\n", "its SHA-256 is "), (b"flavors\n", "it has 8 bytes instead of 12")],
)
def test_a_changed_file_is_refused_by_name(
    register: Callable[..., tuple[str, client.Run]], tmp_path: Path, content: bytes, why: str
) -> None:
    name, run = register({"MLmodel": _FILES["MLmodel"]})
    model_files.manifest(name, 1)  # the server has read them
    (tmp_path / "made" / "MLmodel").write_bytes(content)
    client.start_run(run_id=run.run_id)
    client.log_artifact(tmp_path / "made" / "MLmodel", "model")
    client.end_run()
    assert client.flush(20)
    with pytest.raises(FilesChanged, match=f"MLmodel {model_files.CHANGED}: {why}"):
        client.download_model(name, 1, tmp_path / "got")
    assert not list((tmp_path / "got").rglob("*[!.]MLmodel"))


def test_a_model_that_is_one_file(podium: PodiumServer, tmp_path: Path) -> None:
    client.configure(podium.url, finish_timeout=60)
    name = f"one-{podium.process.pid}"
    with client.start_run():
        client.log_text("weights", "model.joblib")
        client.register_model(name, path="model.joblib")
    folder = client.download_model(name, 1, tmp_path)
    assert (folder / "model.joblib").read_text() == "weights"


def test_what_is_not_there(podium: PodiumServer, tmp_path: Path) -> None:
    client.configure(podium.url)
    with pytest.raises(NotFound, match="nobody"):
        client.download_model("nobody", 1, tmp_path)


def test_the_command_becomes_mlserver(
    podium: PodiumServer, register: Callable[..., tuple[str, client.Run]], tmp_path: Path
) -> None:
    """With one that only says what it was given; tests/cluster has the real one."""
    name, _ = register(_FILES)
    mlserver = tmp_path / "mlserver"
    mlserver.write_text(
        '#!/bin/sh\necho "$1 $MLSERVER_HTTP_PORT $MLSERVER_METRICS_PORT [$PODIUM_TRACKING_TOKEN]"\n'
        'cat "$2/model-settings.json"\n'
    )
    mlserver.chmod(mlserver.stat().st_mode | stat.S_IXUSR)
    environ = environment() | {
        "PODIUM_TRACKING_URI": podium.url,
        "PODIUM_TRACKING_TOKEN": "secret",
        "PATH": f"{tmp_path}:/usr/bin:/bin",
    }
    command = [*PODIUM, "serve-model", "--folder", str(tmp_path / "m"), "--port", "9000"]
    done = subprocess.run(
        [*command, "--", name, "1"], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    first, settings = done.stdout.splitlines()
    assert first == "start 9000 8082 []"
    assert json.loads(settings) == {
        "name": name,
        "implementation": "mlserver_mlflow.MLflowRuntime",
        "parameters": {"uri": f"{tmp_path}/m/files", "version": "1"},
    }
    mlserver.unlink()
    done = subprocess.run(
        [*command, "--", name, "1"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install mlserver" in done.stderr


class TestSettings:
    def test_a_file_of_a_framework_is_named_itself(self, tmp_path: Path) -> None:
        (tmp_path / "model.joblib").touch()
        folder = serving.write_settings("churn", 7, tmp_path, tmp_path / "settings")
        text = (folder / "model-settings.json").read_text()
        assert '"mlserver_sklearn.SKLearnModel"' in text
        assert f'"{tmp_path}/model.joblib"' in text

    def test_a_model_may_say_how_it_is_served(self, tmp_path: Path) -> None:
        (tmp_path / "model-settings.json").touch()
        assert serving.write_settings("churn", 7, tmp_path, tmp_path / "settings") == tmp_path

    def test_nothing_tells(self, tmp_path: Path) -> None:
        with pytest.raises(BadRequest, match=r"MLmodel, model\.joblib"):
            serving.write_settings("churn", 7, tmp_path, tmp_path / "settings")


def test_a_manifest_cannot_lead_out_of_the_folder() -> None:
    for path in ("/etc/passwd", "../x", "a/../../x", ""):
        with pytest.raises(BadRequest, match="leads out"):
            model_files._safe(path)
