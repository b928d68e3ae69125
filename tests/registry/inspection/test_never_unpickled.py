"""A whole server, with its worker, never unpickles what it is given.

Python tells a hook of each name that unpickling looks up, in whatever module it is done.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from podium import client

from ...services.podium import PodiumServer, podium_up
from .test_scan import (
    EVIL,
    HARMLESS,
    PROTOCOL_0,
    STACK_GLOBAL,
    Evil,
    joblib_file,
    keras_file,
    layer,
    numpy_file,
    zipped,
)

# Each process that the hook is in says so once, so that its silence means something.
_WATCHED = """
import os, sys
told = set()
def watch(event, arguments):
    if event == "pickle.find_class" or os.getpid() not in told:
        told.add(os.getpid())
        text = f"{os.getpid()} {event} {arguments}" if event == "pickle.find_class" else os.getpid()
        descriptor = os.open(WHERE, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(descriptor, f"{text}\\n".encode())
        os.close(descriptor)
sys.addaudithook(watch)
from podium.registry.cli import main
sys.exit(main())
"""
_FILES = {
    "MLmodel": b"flavors: {sklearn: {pickled_model: model.pkl}}\n",
    "model.pkl": EVIL,
    "old.pickle": PROTOCOL_0,
    "stack.dat": STACK_GLOBAL,
    "harmless.pkl": HARMLESS,
    "model.pt": zipped(),
    "array.npy": numpy_file(np.array([Evil()], dtype=object)),
    "model.joblib": joblib_file({"a": np.arange(9), "b": Evil()}),
    "model.keras": keras_file(layer("Lambda"), pickled=EVIL),
    "notes.txt": PROTOCOL_0,
}


def test_by_no_process_and_no_page(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = tmp_path / "watched.py"
    program.write_text(f"WHERE = {str(told)!r}\n{_WATCHED}")
    with podium_up(tmp_path / "data", program=(sys.executable, str(program))) as server:
        client.configure(server.url, finish_timeout=60)
        run = _registered(tmp_path, "first", _FILES)
        _registered(tmp_path, "second", {**_FILES, "model.pkl": HARMLESS})
        for version in (1, 2):
            assert _inspected(server, version)["scan"] == "UNSAFE"
        gates = {"gates": [{"gate": "files"}, {"gate": "scan", "trusted": ["numpy"]}]}
        _ask(server, "PUT", "/api/v1/models/m/policies/Production", gates)
        assert client.promote("m", 1, "Production").waiting
        for path in (
            "/models/m",
            "/models/m/versions/1",
            "/models/m/versions/1?against=2",
            "/api/v1/models/m/versions/1/diff/2",
            f"/runs/{run}",
            f"/runs/{run}/files?path=model",
            "/models/m/versions/1/files",
            *(f"/runs/{run}/files?path=model/{name}" for name in _FILES),
            *(f"/models/m/versions/1/files?path={name}" for name in _FILES),
            *(f"/get-artifact?run_id={run}&path=model/{name}" for name in _FILES),
        ):
            _ask(server, "GET", path)
        client.download_model("m", 2, tmp_path / "got")
        found = psutil.Process(server.process.pid)
        running = {found.pid, *(each.pid for each in found.children(recursive=True))}
        lines = told.read_text().splitlines()
    assert running <= {int(line.split()[0]) for line in lines}, "each of them is watched"
    assert [line for line in lines if " " in line] == []


def _registered(tmp_path: Path, name: str, files: dict[str, bytes]) -> str:
    folder = tmp_path / name
    folder.mkdir()
    for path, content in files.items():
        (folder / path).write_bytes(content)
    with client.start_run() as run:
        client.log_artifacts(folder, "model")
        client.register_model("m")
    return str(run.run_id)


def _inspected(server: PodiumServer, version: int) -> Any:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        report = json.loads(_ask(server, "GET", f"/api/v1/models/m/versions/{version}/inspection"))
        if report["status"] == "DONE":
            return report
        time.sleep(0.1)
    raise AssertionError("nobody reads it")


def _ask(server: PodiumServer, method: str, path: str, body: object = None) -> bytes:
    request = urllib.request.Request(server.url + path, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read())
