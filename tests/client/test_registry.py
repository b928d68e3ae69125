"""Registered models through our own client and command, before a real server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from podium import client
from podium.client.errors import BadRequest, NotFound, Unreachable

from ..services.podium import PODIUM, PodiumServer, environment, podium_up


@pytest.fixture(scope="module")
def podium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodiumServer]:
    with podium_up(tmp_path_factory.mktemp("registry") / "data") as server:
        yield server


@pytest.fixture
def name(request: pytest.FixtureRequest, podium: PodiumServer) -> str:
    """Of a model that only this test has."""
    client.configure(podium.url)
    return str(request.node.name)


def test_the_active_runs_model(name: str) -> None:
    with client.start_run() as run:
        client.log_text("weights", "model/weights.txt")
        made = client.register_model(name, description="first", tags={"quality": 1})
    assert (made.name, made.version, made.stage, made.run_id) == (name, 1, "None", run.run_id)
    assert (made.description, made.tags, made.user_id) == ("first", {"quality": "1"}, "local")
    assert made.source == f"runs:/{run.run_id}/model"
    assert client.get_model_version(name, 1) == made
    assert client.register_model(name, run=run, path="other").version == 2
    assert client.register_model(name, run=run.run_id).version == 3
    copy = client.register_model(name, f"models:/{name}/1")
    assert (copy.version, copy.storage_location) == (4, made.storage_location)


def test_versions_by_number_stage_and_alias(name: str) -> None:
    with client.start_run() as run:
        for _ in range(4):
            client.register_model(name, run=run)
    assert client.transition(name, 1, "production").stage == "Production"
    client.transition(name, 2, "Production", archive_existing=True)
    client.set_alias(name, "champion", 3)
    for chosen, version in (
        ({"version": 1}, 1),
        ({"version": "2"}, 2),
        ({"stage": "archived"}, 1),
        ({"stage": "Production"}, 2),
        ({"alias": "champion"}, 3),
        ({}, 4),
    ):
        found = client.get_model_version(name, **chosen)
        assert found.version == version, chosen
        uri = client.load_model_uri(name, **chosen)
        assert uri == found.storage_location == f"mlflow-artifacts:/0/{run.run_id}/artifacts/model"
    model = client.get_model(name)
    assert model.aliases == {"champion": 3}
    assert {each.stage: each.version for each in model.latest_versions} == {
        "Archived": 1,
        "Production": 2,
        "None": 4,
    }
    client.delete_alias(name, "champion")
    with pytest.raises(BadRequest, match="champion not found"):
        client.get_model_version(name, alias="champion")
    with pytest.raises(NotFound, match="no version in stage 'Staging'"):
        client.get_model_version(name, stage="Staging")
    with pytest.raises(NotFound, match="version=9"):
        client.get_model_version(name, 9)


def test_searches(name: str) -> None:
    with client.start_run() as run:
        for _ in range(3):
            client.register_model(name, run=run)
    client.set_version_tag(name, 2, "state", "good")
    mine = f"name = '{name}'"
    assert [each.name for each in client.search_models(mine)] == [name]
    found = client.search_model_versions(mine, ["version_number ASC"], max_results=None)
    assert [each.version for each in found] == [1, 2, 3]
    [good] = client.search_model_versions(f"{mine} AND tags.state = 'good'")
    assert (good.version, good.tags) == (2, {"state": "good"})
    assert len(client.search_model_versions(mine, max_results=2)) == 2


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: client.register_model("a/b", "models:/x/1"), "model name"),
        (lambda: client.register_model("a"), "'source'"),
        (lambda: client.register_model("a", "models:/x/1", run="0" * 32), "'source' or 'run'"),
        (lambda: client.register_model("a", run="nothing"), "'run'"),
        (lambda: client.register_model("a", "models:/x/1", tags={"..": 1}), "'tags'"),
        (lambda: client.get_model_version("a", 1, stage="x"), "'version', 'stage' and 'alias'"),
        (lambda: client.get_model_version("a", "one"), "'version'"),
        (lambda: client.search_models(max_results=0), "'max_results'"),
        (lambda: client.search_model_versions(order_by="name"), "'order_by'"),
    ],
)
def test_a_mistake_is_raised_at_the_call(call: Callable[[], Any], field: str) -> None:
    with pytest.raises(BadRequest, match=field):
        call()


def test_no_server_is_raised() -> None:
    client.configure("http://127.0.0.1:1")
    with pytest.raises(Unreachable):
        client.get_model("digits")


def test_the_command(name: str, podium: PodiumServer) -> None:
    with client.start_run() as run:
        pass

    def models(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [*PODIUM, "models", *arguments],
            env=environment() | {"PODIUM_TRACKING_URI": podium.url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    client.flush()
    status, said = models("register", name, f"runs:/{run.run_id}/model", "--description", "x")
    assert (status, said.split(": ")[0]) == (0, f"{name} 1")
    assert models("alias", name, "1", "champion") == (0, f"{name} 1 is {name}@champion\n")
    assert models("move", name, "1", "staging", "--archive") == (0, f"{name} 1 is in Staging\n")
    assert models("show", name) == (0, f"1\tStaging\t@champion\truns:/{run.run_id}/model\n")
    assert models("list", f"name = '{name}'") == (0, f"{name}\tStaging 1\n")
    status, said = models("show", "nothing")
    assert status == 1
    assert said == "podium: Registered Model with name=nothing not found\n"
