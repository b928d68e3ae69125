"""Artifacts through the stock client: by way of the server, wherever it keeps them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import mlflow.artifacts
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

# Not '#' and '?': the stock client writes them into its addresses as they are.
NAMES = ["plain.txt", "with space.txt", "100%.txt", "訓練.txt", "plus+&=.txt"]


def test_a_file_there_and_back(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    body = bytes(range(256)) * 40_000
    (tmp_path / "model.bin").write_bytes(body)
    client.log_artifact(run_id, str(tmp_path / "model.bin"), "deep/er")
    [found] = client.list_artifacts(run_id, "deep/er")
    assert (found.path, found.is_dir, found.file_size) == ("deep/er/model.bin", False, len(body))
    target = tmp_path / "back"
    target.mkdir()
    back = client.download_artifacts(run_id, "deep/er/model.bin", str(target))
    assert Path(back).read_bytes() == body


def test_a_folder_there_and_back(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub" / "empty.d").mkdir(parents=True)
    for name in NAMES:
        (source / "sub" / name).write_text(name)
    (source / "empty").write_bytes(b"")
    client.log_artifacts(run_id, str(source), "all")
    assert [(f.path, f.is_dir) for f in client.list_artifacts(run_id)] == [("all", True)]
    assert {f.path for f in client.list_artifacts(run_id, "all/sub")} == {
        f"all/sub/{name}" for name in NAMES
    }
    back = Path(
        mlflow.artifacts.download_artifacts(
            run_id=run_id, artifact_path="all", dst_path=str(tmp_path / "back")
        )
    )
    assert {path.name: path.read_text() for path in (back / "sub").iterdir()} == {
        name: name for name in NAMES
    }
    assert (back / "empty").read_bytes() == b""


def test_six_hundred_megabytes_there_and_back(
    client: MlflowClient, run_id: str, tmp_path: Path
) -> None:
    """From 500 MB on the stock client uploads in parts, past the server where that is on S3."""
    block, written = os.urandom(1 << 20), hashlib.sha256()
    source, target = tmp_path / "large.bin", tmp_path / "back"
    with source.open("wb") as file:
        for number in range(600):
            piece = number.to_bytes(8, "big") + block[8:]
            file.write(piece)
            written.update(piece)
    client.log_artifact(run_id, str(source))
    source.unlink()
    target.mkdir()
    back = Path(client.download_artifacts(run_id, "large.bin", str(target)))
    with back.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == written.digest()
    back.unlink()


def test_text_dict_and_image(client: MlflowClient, run_id: str) -> None:
    client.log_text(run_id, "a line\n", "notes/one.txt")
    client.log_dict(run_id, {"a": [1, 2]}, "config.json")
    uri = f"runs:/{run_id}"
    assert mlflow.artifacts.load_text(f"{uri}/notes/one.txt") == "a line\n"
    assert mlflow.artifacts.load_dict(f"{uri}/config.json") == {"a": [1, 2]}
    assert [f.path for f in client.list_artifacts(run_id)] == ["config.json", "notes"]


def test_what_is_missing(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    assert client.list_artifacts(run_id) == []
    assert client.list_artifacts(run_id, "none") == []
    with pytest.raises((MlflowException, OSError)):
        client.download_artifacts(run_id, "none.txt", str(tmp_path))
    with pytest.raises((MlflowException, OSError), match="Invalid path"):
        client.list_artifacts(run_id, "../..")


def test_delete_of_a_runs_files(client: MlflowClient, run_id: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    client.log_text(run_id, "x", "keep/a.txt")
    client.log_text(run_id, "x", "drop/a.txt")
    repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri)
    repository.delete_artifacts("drop/a.txt")  # type: ignore[no-untyped-call]
    assert [f.path for f in client.list_artifacts(run_id, "keep")] == ["keep/a.txt"]
    assert client.list_artifacts(run_id, "drop") == []
