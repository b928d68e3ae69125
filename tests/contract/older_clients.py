"""Older ``mlflow`` clients before the server: `make test-clients`, as each is installed for it.

MLflow 1 is not among them: it asks for ``/api/2.0/preview``, which MLflow's own server has given
up as well. ``mlflow-skinny`` is MLflow's client without what its server and models need.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ..services.podium import PodiumServer

_VENVS = Path("build/clients")


@pytest.fixture(params=["2.3.2", "2.9.2", "2.17.2", "2.22.0", "3.1.4"])
def python(request: pytest.FixtureRequest) -> Path:
    """A Python with that MLflow, installed once."""
    version: str = request.param
    venv = _VENVS / version
    python = (venv / "bin" / "python").absolute()
    done = venv / "done"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        # pkg_resources, which the oldest of them import, left setuptools with version 82.
        needed = [f"mlflow-skinny=={version}", "setuptools<80"]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *needed], check=True)
        done.touch()
    return python


@pytest.mark.timeout(900)  # the installation
def test_an_older_client_logs_searches_and_registers(server: PodiumServer, python: Path) -> None:
    script = Path(__file__).with_name("a_run_of_theirs.py")
    command = [str(python), "-W", "ignore", str(script), server.url]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
