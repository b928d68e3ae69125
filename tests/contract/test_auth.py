"""MLflow's own client against a server that asks who people are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from podium.tracker.auth import accounts, invitations, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from ..services.podium import PodiumServer, podium_up

if TYPE_CHECKING:
    from mlflow import MlflowClient

PASSWORD = "a password of four words"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodiumServer]:
    data = tmp_path_factory.mktemp("asking")
    with podium_up(data, environ={"PODIUM_AUTH": "required"}) as server:
        yield server


@pytest.fixture(scope="module")
def token(asking: PodiumServer) -> str:
    """That of somebody who sees only what is his; he has a password, too."""
    db = Database(f"sqlite:///{asking.log.parent / 'podium.db'}", pool_size=1)
    for name, role in (("ada", Role.MEMBER), ("bob", Role.MEMBER)):
        accounts.create(db, name=name, role=role)
    secret, _ = tokens.create(db, "ada", name="mlflow")
    for name in ("ada", "bob"):
        invitations.accept(db, invitations.for_account(db, name), name="", password=PASSWORD)
    db.close()
    return secret


@pytest.fixture
def mlflow_client(asking: PodiumServer, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", asking.url)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    return MlflowClient(asking.url)


def test_a_token(
    mlflow_client: MlflowClient, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
    experiment = mlflow_client.create_experiment("of ada")
    run = mlflow_client.create_run(experiment).info.run_id
    mlflow_client.log_metric(run, "loss", 0.5)
    mlflow_client.log_text(run, "hello", "notes/a.txt")
    [file] = mlflow_client.list_artifacts(run, "notes")
    assert Path(mlflow_client.download_artifacts(run, file.path, str(tmp_path))).read_text() == (
        "hello"
    )
    mlflow_client.create_registered_model("adas")
    made = mlflow_client.create_model_version("adas", f"runs:/{run}/notes", run)
    assert made.version in (1, "1")
    assert {each.name for each in mlflow_client.search_experiments()} == {"of ada"}


def test_a_name_and_a_password(
    mlflow_client: MlflowClient, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    assert token
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    made = mlflow_client.create_experiment("of bob")
    assert [each.name for each in mlflow_client.search_experiments()] == ["of bob"]
    assert mlflow_client.get_experiment(made).name == "of bob"
    assert mlflow_client.get_experiment_by_name("of ada") is None
    with pytest.raises(MlflowException, match="already exists"):
        mlflow_client.create_experiment("of ada")


def test_nobody(mlflow_client: MlflowClient, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="MLFLOW_TRACKING_TOKEN"):
        mlflow_client.search_experiments()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token + "x")
    with pytest.raises(MlflowException, match="not known"):
        mlflow_client.search_experiments()
