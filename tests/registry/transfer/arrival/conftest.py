"""Real MLflows, filled by the stock client: a server, its database and an mlruns folder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ....services.mlflow import mlflow_server
from ....services.podium import environment

_STOCK = Path(__file__).with_name("stock.py")
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}

# mlflow's own, and of libraries it drives in an older way of theirs.
_WARNINGS = (
    "ignore::DeprecationWarning:mlflow",
    "ignore::FutureWarning:mlflow",
    "ignore::UserWarning:mlflow",
    "ignore::ResourceWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # of all folders
        if Path(__file__).parent in item.path.parents:
            for warning in _WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@dataclass(frozen=True)
class Stock:
    """An MLflow and the ids of what is in it; ``artifacts`` is where its proxied files are."""

    address: str
    made: dict[str, Any]
    artifacts: str | None = None


@pytest.fixture(scope="session")
def stock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    folder = tmp_path_factory.mktemp("mlflow-server")
    with mlflow_server(folder) as server:
        yield Stock(server.url, fill(server.url, folder), str(folder / "mlartifacts"))


@pytest.fixture(scope="session")
def stock_database(stock_server: Stock) -> Stock:
    """That of the server, which is running."""
    assert stock_server.artifacts is not None
    database = Path(stock_server.artifacts).with_name("mlflow.db")
    return Stock(f"sqlite:///{database}", stock_server.made, stock_server.artifacts)


@pytest.fixture(scope="session")
def stock_folder(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    """As it is after somebody has moved it: no address in it is right any more."""
    folder = tmp_path_factory.mktemp("mlflow-folder")
    made = fill(str(folder / "mlruns"), folder)
    (folder / "mlruns").rename(folder / "moved")
    return Stock(str(folder / "moved"), made)


@pytest.fixture(params=["server", "database", "folder"])
def stock(request: pytest.FixtureRequest) -> Stock:
    found: Stock = request.getfixturevalue(f"stock_{request.param}")
    return found


def fill(uri: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", _STOCK, uri, folder],
        env=environment() | QUIET,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
