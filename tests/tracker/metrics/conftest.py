"""A run to log to, as a row: what is logged needs no more of it."""

from __future__ import annotations

import itertools

import pytest
from podium.tracker.db import Database
from podium.tracker.models import Run

_numbers = itertools.count()


def new_run(db: Database) -> int:
    """The id of its row."""
    with db.writing() as session:
        row = Run(
            run_id=f"{next(_numbers):032x}",
            experiment_id=0,
            name="a run",
            status="RUNNING",
            start_time=0,
            artifact_uri="mlflow-artifacts:/0/x/artifacts",
        )
        session.add(row)
        session.flush()
        return row.id


@pytest.fixture
def run(db: Database) -> int:
    return new_run(db)
