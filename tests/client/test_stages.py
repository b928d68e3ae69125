"""Promoting through our own client, command and API, before a real server."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from podium import client
from podium.client.errors import BadRequest, Conflict, NotFound, PermissionDenied

from ..services.podium import PODIUM, PodiumServer, environment, podium_up

PRODUCTION = "Production"


@pytest.fixture(scope="module")
def podium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodiumServer]:
    with podium_up(tmp_path_factory.mktemp("stages") / "data") as server:
        yield server


@pytest.fixture
def name(request: pytest.FixtureRequest, podium: PodiumServer) -> str:
    """Of a model with three versions that only this test has."""
    client.configure(podium.url)
    found = str(request.node.name)
    with client.start_run() as run:
        client.log_text("weights", "model/weights.txt")
        for _ in range(3):
            client.register_model(found, run=run)
    return found


def call(podium: PodiumServer, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(
        f"{podium.url}/api/v1/models/{path}",
        data=data,
        method=method,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def run(podium: PodiumServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PODIUM, "models", *arguments],
        env={**environment(), "PODIUM_TRACKING_URI": podium.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_there_and_back(name: str) -> None:
    assert client.promote(name, 1, PRODUCTION).done
    done = client.promote(name, "2", "production", comment="better")
    assert (done.stage, done.archived, done.requester) == (PRODUCTION, (1,), "local")
    assert client.get_model_version(name, stage=PRODUCTION).version == 2
    assert client.rollback(name, PRODUCTION, version=2) == 1
    with pytest.raises(Conflict, match="held by version 1"):
        client.rollback(name, PRODUCTION, version=2)
    steps = client.stage_history(name)
    assert [(each.version, each.kind) for each in steps] == [
        (1, "ROLLED_BACK"),
        (2, "TAKEN_BACK"),
        (2, "MOVED"),
        (1, "REPLACED"),
        (1, "MOVED"),
    ]
    assert [each.id for each in client.stage_history(name, version=2)] == [
        steps[1].id,
        steps[2].id,
    ]
    assert [each.version for each in client.stage_holders(name, PRODUCTION)] == [1]
    assert client.stage_holders(name, PRODUCTION, at=steps[-1].at - 1) == []


def test_a_request_waits_and_says_for_what(name: str, podium: PodiumServer) -> None:
    told = call(
        podium,
        "PUT",
        f"{name}/policies/{PRODUCTION}",
        {"approvals": 1, "gates": [{"gate": "metric", "metric": "accuracy", "at_least": 0.9}]},
    )
    assert (told["approvals"], told["approver"], told["model"]) == (1, "approver", name)
    waiting = client.promote(name, 1, PRODUCTION)
    assert waiting.waiting
    assert len(waiting.waits_for) == 2
    assert [(each.gate, each.passed) for each in waiting.gates] == [("metric", False)]
    assert client.promote(name, 1, PRODUCTION).id == waiting.id
    with pytest.raises(PermissionDenied, match="your own"):
        client.approve(name, waiting.id)
    with pytest.raises(Conflict, match=f"request {waiting.id} waits"):
        client.transition(name, 1, PRODUCTION)
    # The digest of its files may have been read meanwhile.
    assert [each.id for each in client.list_promotions(name, status="waiting")] == [waiting.id]
    call(podium, "POST", f"{name}/requests/{waiting.id}/comments", {"comment": "why so low?"})
    [said] = call(podium, "GET", f"{name}/versions/1/comments")["comments"]
    assert (said["comment"], said["request"]) == ("why so low?", waiting.id)
    assert client.withdraw(name, waiting.id).status == "WITHDRAWN"
    done = client.promote(name, 1, PRODUCTION, override="it is a test")
    assert (done.done, done.overridden, done.reason) == (True, True, "it is a test")
    assert client.get_promotion(name, done.id) == done


def test_own_stages_and_freezes(name: str, podium: PodiumServer) -> None:
    stages = {"stages": [{"name": "None"}, {"name": "Live", "exclusive": True}, {"name": "Old"}]}
    call(podium, "PUT", f"{name}/stages", stages)
    assert call(podium, "GET", f"{name}/stages")["archive"] == "Old"
    with pytest.raises(BadRequest, match="None, Live, Old"):
        client.promote(name, 1, PRODUCTION)
    frozen = call(podium, "POST", f"{name}/freezes", {"reason": "audit"})
    with pytest.raises(Conflict, match="audit"):
        client.promote(name, 1, "Live")
    assert call(podium, "GET", f"{name}/freezes")["freezes"] == [frozen]
    call(podium, "DELETE", f"{name}/freezes/{frozen['id']}")
    assert client.promote(name, 1, "Live").done
    assert client.get_model_version(name, stage="live").version == 1


def test_what_is_not_there_and_what_is_wrong(name: str) -> None:
    with pytest.raises(NotFound, match="99"):
        client.promote(name, 99, PRODUCTION)
    with pytest.raises(NotFound, match="request 99"):
        client.get_promotion(name, 99)
    with pytest.raises(BadRequest, match="version"):
        client.promote(name, "latest", PRODUCTION)
    with pytest.raises(BadRequest, match="max_results"):
        client.stage_history(name, max_results=0)
    with pytest.raises(Conflict, match="no way back"):
        client.rollback(name, PRODUCTION)


def test_the_command(name: str, podium: PodiumServer) -> None:
    assert run(podium, "promote", name, "1", "production").stdout == f"{name} 1 is in Production\n"
    second = run(podium, "promote", name, "2", PRODUCTION, "-m", "better")
    assert second.stdout == f"{name} 2 is in Production; 1 to the archive\n"
    back = run(podium, "rollback", name, PRODUCTION, "--version", "2")
    assert back.stdout == f"{name} 1 is in Production\n"
    told = run(podium, "history", name).stdout.splitlines()
    assert len(told) == 5
    assert told[2].split("\t")[1:] == ["2", "None → Production", "MOVED", "local", "better"]
    call(podium, "PUT", f"{name}/policies/{PRODUCTION}", {"approvals": 1})
    waiting = run(podium, "promote", name, "3", PRODUCTION)
    assert waiting.returncode == 3
    assert "needs 1 approval" in waiting.stdout
    number = waiting.stdout.split()[1]
    refused = run(podium, "approve", name, number)
    assert refused.returncode == 1
    assert "your own" in refused.stderr
    assert run(podium, "reject", name, number, "no").stdout == f"request {number} is REJECTED\n"
