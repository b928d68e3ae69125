"""The stock ``mlflow`` client before a real server, over each pair of backing services.

What MLflow promises is checked through MLflow's own client, at the version that pyproject.toml
pins: a server that pleases it here can stand in wherever that client is used.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from ..services.podium import PodiumServer, podium_up
from ..services.postgres import PostgresServer
from ..services.s3 import S3Server

# Read when mlflow is imported, which the test modules do: tests send nothing to anybody.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

_numbers = itertools.count()

# Of mlflow's own making, or of libraries it drives in an older way of theirs.
_MLFLOW_WARNINGS = (
    "ignore::DeprecationWarning:mlflow",
    "ignore::FutureWarning:mlflow",
    "ignore::UserWarning:mlflow",
    "ignore::ResourceWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if __package__ in item.nodeid.replace("/", ".") or "tests/contract/" in item.nodeid:
            for warning in _MLFLOW_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session", params=["sqlite and folder", "postgresql and s3"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodiumServer]:
    """One server a session for each pair; every test works in an experiment of its own."""
    data = tmp_path_factory.mktemp("contract")
    options: list[str] = []
    environ: dict[str, str] = {}
    if request.param == "postgresql and s3":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        s3: S3Server = request.getfixturevalue("s3")
        s3.administrator().make_bucket("contract")
        options = ["--database", postgres.create_database("contract")]
        options += ["--artifacts", "s3://contract/below"]
        environ = {**s3.environment, "PODIUM_S3_ENDPOINT": s3.endpoint}
    with podium_up(data, options=options, environ=environ) as found:
        yield found


@pytest.fixture
def experiment_name() -> str:
    return f"contract-{next(_numbers)}"
