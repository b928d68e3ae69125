"""Files: copied while the caller waits, sent later, checked by the other side."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from podium import client
from podium.client import progress

from .scripted import Fault, ScriptedServer, refuses


def _files(server: ScriptedServer, run: client.Run) -> dict[str, bytes]:
    prefix = f"7/{run.run_id}/artifacts/"
    return {name.removeprefix(prefix): data for name, data in server.state.files.items()}


def test_a_file_may_be_changed_and_deleted_at_once(server: ScriptedServer, tmp_path: Path) -> None:
    first, big = tmp_path / "model.bin", tmp_path / "weights 50%.bin"
    first.write_bytes(b"first")
    big.write_bytes(bytes(range(256)) * 4096)
    with client.start_run() as run:
        run.log_artifact(first)
        run.log_artifact(str(big), "models/best")
        first.write_bytes(b"other")
        big.unlink()
    assert _files(server, run) == {
        "model.bin": b"first",
        "models/best/weights 50%.bin": bytes(range(256)) * 4096,
    }
    for name, data in server.state.files.items():
        digest = hashlib.sha256(data).digest()
        assert server.state.checksums[name] == base64.b64encode(digest).decode()


def test_a_folder_and_an_empty_file(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "a.txt").write_text("a")
    (tmp_path / "out" / "deep" / "empty").write_bytes(b"")
    with client.start_run() as run:
        client.log_artifacts(tmp_path / "out", "all")
    assert _files(server, run) == {"all/a.txt": b"a", "all/deep/empty": b""}


@pytest.mark.parametrize(
    "fault", ["reset in body", "lose the answer", "garbage", refuses(503), refuses(413)]
)
def test_an_upload_survives_what_may_pass(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, fault: Any
) -> None:
    server.fail_first(2, fault, path="/mlflow-artifacts/")
    with client.start_run() as run:
        run.log_text("x" * 1_000_000, "big.txt")
        run.log_text("y", "small.txt")
        run.log_metric("loss", 0.5)
    if fault == refuses(413):
        assert _files(server, run) == {}
        assert "big.txt of run" in caplog.text
        assert "small.txt of run" in caplog.text
    else:
        assert set(_files(server, run)) == {"big.txt", "small.txt"}
    assert server.state.steps(run.run_id, "loss") == [0]


def test_of_a_file_logged_often_the_last_stays(server: ScriptedServer) -> None:
    with client.start_run() as run:
        for epoch in range(50):
            run.log_text(str(epoch) * 50_000, "checkpoint.txt")
    assert _files(server, run) == {"checkpoint.txt": b"49" * 50_000}


def test_copies_are_removed_when_sent_and_kept_when_not(
    server: ScriptedServer, tmp_path: Path
) -> None:
    staging = tmp_path / "state" / "podium" / "staging"
    server.fail_first(10**9, refuses(503), path="/mlflow-artifacts/")
    client.configure(finish_timeout=0.3)
    with client.start_run() as run:
        run.log_text("x" * 100_000, "big.txt")
    assert [path.stat().st_size for path in staging.rglob("*") if path.is_file()] == [100_000]
    server.script = lambda *_request: None
    assert run.flush(20)
    assert [path for path in staging.rglob("*") if path.is_file()] == []
    assert _files(server, run) == {"big.txt": b"x" * 100_000}


def test_without_room_for_a_copy_the_file_itself_is_sent(
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    (tmp_path / "model.bin").write_bytes(b"weights")
    with client.start_run() as run:
        run.log_artifact(tmp_path / "model.bin")
        run.flush()
    assert _files(server, run) == {"model.bin": b"weights"}
    assert "No space left" in caplog.text
    assert (tmp_path / "model.bin").exists()


def test_a_slow_upload_is_waited_for_as_long_as_it_moves(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from podium.client import storage

    read = storage._Slice.read

    def slowly(self: storage._Slice, size: int = 0) -> bytes:
        time.sleep(0.2)
        return read(self, 20_000)

    monkeypatch.setattr(storage._Slice, "read", slowly)
    client.configure(finish_timeout=1.5)
    with client.start_run() as run:
        run.log_text("x" * 100_000, "big.txt")
        began = time.monotonic()
    assert time.monotonic() - began > 1.5
    assert len(_files(server, run)["big.txt"]) == 100_000


def test_progress_is_for_terminals(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)

    def until_it_is_told(_number: int, _method: str, path: str) -> Fault | None:
        told = "/mlflow-artifacts/" not in path or "sending" in terminal.getvalue()
        return None if told else refuses(503)

    server.script = until_it_is_told
    with client.start_run() as run:
        run.log_text("x" * 100_000, "big.txt")
    assert "sending 1 file [" in terminal.getvalue()
    assert "of 0.1 MB" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


def test_dicts(server: ScriptedServer) -> None:
    import numpy as np

    content = {"classes": ["a", "ä"], "matrix": np.eye(2), "n": np.int64(3), "where": Path("x")}
    with client.start_run() as run:
        client.log_dict(content, "config.json")
    assert json.loads(_files(server, run)["config.json"]) == {
        "classes": ["a", "ä"],
        "matrix": [[1.0, 0.0], [0.0, 1.0]],
        "n": 3,
        "where": "x",
    }


def test_yaml_needs_pyyaml(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with client.start_run(), pytest.raises(client.errors.BadRequest, match="PyYAML"):
        client.log_dict({"a": 1}, "config.yaml")


class _Plotly:
    """As a Plotly figure looks from outside."""

    def to_html(self) -> str:
        return "<html>chart</html>"

    def write_image(self, file: io.BytesIO, format: str) -> None:  # noqa: A002  (Plotly's word)
        raise ValueError(f"{format} needs kaleido")


def test_figures(server: ScriptedServer) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    with client.start_run() as run:
        client.log_figure(figure, "plots/loss.png")
        client.log_figure(_Plotly(), "chart.html")
        with pytest.raises(client.errors.BadRequest, match="png needs kaleido"):
            client.log_figure(_Plotly(), "chart.png")
        with pytest.raises(client.errors.BadRequest, match="cannot be drawn as 'xyz'"):
            client.log_figure(figure, "loss.xyz")
    found = _files(server, run)
    assert found["plots/loss.png"].startswith(b"\x89PNG")
    assert found["chart.html"] == b"<html>chart</html>"
    assert len(found) == 2
