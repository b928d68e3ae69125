"""A database of each kind that a whole module shares: its tests roll back what they insert."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from podium.tracker.db import Database
from sqlalchemy.orm import Session

Scratch = Callable[[], AbstractContextManager[Session]]
_numbers = itertools.count()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def scratch(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scratch]:
    """Opens a session whose transaction is rolled back at the end of the ``with``."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("search") / "podium.db"
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copyfile(template, path)
        db = Database(f"sqlite:///{path}")
    else:
        server = request.getfixturevalue("postgres")
        name = f"search_{next(_numbers)}"
        db = Database(server.create_database(name, template="podium_template"))

    @contextmanager
    def session() -> Iterator[Session]:
        with db.engine.connect() as connection, connection.begin() as transaction:
            yield Session(connection)
            transaction.rollback()

    yield session
    db.close()
