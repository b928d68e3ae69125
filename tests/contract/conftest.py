"""The stock ``mlflow`` client before a real server, over each pair of backing services.

What MLflow promises is checked through MLflow's own client, at the version that pyproject.toml
pins: a server that pleases it here can stand in wherever that client is used.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..services.podium import PodiumServer, podium_up, production

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Read when mlflow is imported, which the test modules do: tests send nothing to anybody.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

_numbers = itertools.count()

# Of mlflow's own making, or of libraries it drives in an older way of theirs.
_MLFLOW_WARNINGS = (
    "ignore::DeprecationWarning:mlflow",
    "ignore::FutureWarning:mlflow",
    "ignore::UserWarning:mlflow",
    "ignore::ResourceWarning",
    "ignore:.*Model registry stages will be removed:FutureWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # of all folders
        if Path(__file__).parent in item.path.parents:
            for warning in _MLFLOW_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session", params=["sqlite and folder", "postgresql and s3"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodiumServer]:
    """One server a session for each pair; every test works in an experiment of its own."""
    data = tmp_path_factory.mktemp("contract")
    options: list[str] = []
    # Receivers of webhooks are on this machine.
    environ = {"PODIUM_WEBHOOK_ALLOW": "127.0.0.0/8"}
    if request.param == "postgresql and s3":
        postgres, s3 = request.getfixturevalue("postgres"), request.getfixturevalue("s3")
        options, more = production(postgres, s3, "contract")
        environ |= more
    with podium_up(data, options=options, environ=environ) as found:
        yield found


@pytest.fixture
def experiment_name() -> str:
    return f"contract-{next(_numbers)}"


@pytest.fixture
def client(server: PodiumServer, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    from mlflow import MlflowClient

    # Artifacts are found by it, whatever the client was told.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    return MlflowClient(server.url)


@pytest.fixture
def experiment(client: MlflowClient, experiment_name: str) -> str:
    """The id of a new experiment."""
    return str(client.create_experiment(experiment_name))


@pytest.fixture
def run_id(client: MlflowClient, experiment: str) -> str:
    return str(client.create_run(experiment).info.run_id)
