"""The database that a command works on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..db import Database


def add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--database", metavar="URL", help="instead of PODIUM_DATABASE_URL")


@contextmanager
def open_database(arguments: argparse.Namespace, top: str) -> Iterator[Database]:
    """That of ``--database`` or the environment, whose schema must be this version's."""
    from ..assembly import assembly
    from ..config import database_url
    from ..db import Database
    from ..schema_history import check_schema

    db = Database(database_url(os.environ, arguments.database), pool_size=2)
    try:
        check_schema(db, assembly(top).HISTORIES)
        yield db
    finally:
        db.close()
