"""`podium db`, and the database that a command works on."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..db import Database


def add_commands(commands: Any, *, top: str) -> None:
    db = commands.add_parser("db", help="the database's schema")
    actions = db.add_subparsers(dest="action", metavar="ACTION", required=True)
    upgrade = actions.add_parser(
        "upgrade",
        help="bring the schema to this version",
        description="Bring the schema of PODIUM_DATABASE_URL to this version. One transaction "
        "under one lock: any number of these may run at once.",
    )
    add_database(upgrade)
    upgrade.set_defaults(run=lambda arguments: _upgrade(arguments, top))


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


def _upgrade(arguments: argparse.Namespace, top: str) -> None:
    from ..assembly import assembly
    from ..config import database_url
    from ..db import Database
    from ..schema_history import upgrade, versions

    histories = assembly(top).HISTORIES
    db = Database(database_url(os.environ, arguments.database), pool_size=1)
    try:
        changed = upgrade(db, histories)
    finally:
        db.close()
    version = versions(histories)
    print(f"The schema is now at {version}." if changed else f"The schema is at {version} already.")
