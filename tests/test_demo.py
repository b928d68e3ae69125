"""`podium demo` against a real server, without accounts and with them."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

from .services.podium import PodiumServer, podium_up
from .test_cli import podium, refusal

MODEL = "demo-classifier"


def get(server: PodiumServer, path: str, token: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    asked = urllib.request.Request(server.url + path, headers=headers)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def fill(server: PodiumServer, token: str | None = None) -> str:
    given = {"PODIUM_TRACKING_TOKEN": token} if token else {}
    done = podium("demo", PODIUM_TRACKING_URI=server.url, **given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_is_something_of_everything(tmp_path: Path) -> None:
    with podium_up(tmp_path / "data") as server:
        said = fill(server)
        runs = get(server, "/api/v1/models/demo-classifier/requests")["requests"]
        [waiting] = [each for each in runs if each["status"] == "WAITING"]
        assert f"/models/{MODEL}/requests/{waiting['id']}" in said
        assert "override it" in said, "nobody else is there to approve"
        [experiment] = [line.split()[-1] for line in said.splitlines() if "experiments" in line]
        rows = urllib.request.urlopen(f"{experiment}/runs.csv", timeout=20).read()
        assert rows.decode().count("\n") == 51, "a heading and fifty runs"
        holders = get(server, f"/api/v1/models/{MODEL}/holders?stage=Production")["transitions"]
        assert [each["version"] for each in holders] == [1]
        [hook] = get(server, "/api/v1/webhooks")["webhooks"]
        deadline = time.monotonic() + 90
        path = f"/api/v1/webhooks/{hook['webhook_id']}/deliveries"
        while not any(each["attempts"] for each in get(server, path)["deliveries"]):
            assert time.monotonic() < deadline, "nothing was tried"
            time.sleep(0.2)
        assert "There is a model demo-classifier" in refusal("demo", PODIUM_TRACKING_URI=server.url)


def test_somebody_else_asks_where_there_are_accounts(tmp_path: Path) -> None:
    with podium_up(tmp_path / "data", environ={"PODIUM_AUTH": "required"}) as server:
        there = ("--database", f"sqlite:///{tmp_path / 'data' / 'podium.db'}")
        assert podium("users", "add", "ada", "--role", "admin", *there).returncode == 0
        scopes = ("--scopes", "read,log,register,approve,admin")
        made = podium("tokens", "create", "ada", "--name", "demo", *scopes, *there)
        token = made.stdout.strip()
        assert "override" not in fill(server, token)
        found = get(server, f"/api/v1/models/{MODEL}/requests", token)["requests"]
        [waiting] = [each for each in found if each["status"] == "WAITING"]
        assert waiting["requester"] == "demo-trainer"
        inspection = f"/api/v1/models/{MODEL}/versions/{waiting['version']}/inspection"
        deadline = time.monotonic() + 60
        while get(server, inspection, token)["status"] != "DONE":
            assert time.monotonic() < deadline, "nobody has read the files"
            time.sleep(0.1)
        approve = urllib.request.Request(
            f"{server.url}/api/v1/models/{MODEL}/requests/{waiting['id']}/approve",
            b"{}",
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(approve, timeout=60) as answer:
            assert json.load(answer)["status"] == "DONE"
