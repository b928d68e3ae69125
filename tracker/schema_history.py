"""The schema's versions. Each package has a history of its own; all are brought up as one.

A history is a folder of Alembic revisions, numbered in order, and a table that holds the number of
the one the database is at. The whole upgrade is one transaction under one lock, so it is done
entirely or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podium.client.errors import ConfigError
from sqlalchemy import Connection, inspect, text

from .advisory import Lock, lock
from .db import Database
from .table_locks import take_every_table


class SchemaNewer(ConfigError):
    """The database was brought up by a newer Podium than this one."""


@dataclass(frozen=True, slots=True)
class History:
    """``head`` is the newest revision in ``folder``.

    It is written here because it is read at each start, when importing Alembic to find it out would
    cost more than the rest of the start; a test compares the two.
    """

    folder: Path
    head: str
    version_table: str


TRACKER = History(Path(__file__).parent / "migrations", "0012", "tracker_version")


def upgrade(db: Database, histories: Sequence[History]) -> bool:
    """Bring the schema to this version; True when it changed. Any number may run at once."""
    with db.migrating() as connection:
        return upgrade_within(connection, histories)


def upgrade_within(
    connection: Connection,
    histories: Sequence[History],
    revisions: Mapping[str, str] | None = None,
) -> bool:
    """As :func:`upgrade`, as a part of a transaction. ``revisions``, by version table, are where to
    stop on the way: a backup is loaded into the schema it was taken of.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0"))
    lock(connection, Lock.SCHEMA)
    found = revisions_of(connection, histories)
    for history in histories:
        revision = found.get(history.version_table)
        if revision is not None:
            _refuse_newer(revision, history)
    wanted = {
        each.version_table: each.head if revisions is None else revisions[each.version_table]
        for each in histories
    }
    behind = [
        each for each in histories if found.get(each.version_table, "") < wanted[each.version_table]
    ]
    if behind:
        take_every_table(connection)
    for history in behind:
        _run(connection, history, wanted[history.version_table])
    return bool(behind)


def revisions_of(connection: Connection, histories: Sequence[History]) -> dict[str, str]:
    """Where a database is, by version table; one that it lacks is left out."""
    found = {each.version_table: _revision(connection, each) for each in histories}
    return {table: revision for table, revision in found.items() if revision is not None}


def check_schema(db: Database, histories: Sequence[History]) -> None:
    """Raise :class:`ConfigError` with what to type unless the schema is this version's."""
    with db.reading() as session:
        connection = session.connection()
        found = [_revision(connection, history) for history in histories]
    if not any(found):
        raise ConfigError(f"The database {db.url} holds no Podium tables. Type: podium db upgrade")
    for revision, history in zip(found, histories, strict=True):
        if revision is not None:
            _refuse_newer(revision, history)
    if any(revision != history.head for revision, history in zip(found, histories, strict=True)):
        raise ConfigError(
            f"The database {db.url} is at schema {_written(found)}, this Podium needs "
            f"{_written([history.head for history in histories])}. "
            "Make a backup, then type: podium db upgrade"
        )


def versions(histories: Sequence[History]) -> str:
    """The schema of this Podium, as it is told to people."""
    return _written([history.head for history in histories])


def run_revisions(context: Any) -> None:
    """The whole of an ``env.py``; ``context`` is Alembic's module of that name."""
    attributes = context.config.attributes
    context.configure(
        connection=attributes["connection"],
        version_table=attributes["version_table"],
        render_as_batch=True,
    )
    context.run_migrations()


def _written(revisions: Sequence[str | None]) -> str:
    return "/".join(revision or "none" for revision in revisions)


def _run(connection: Connection, history: History, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(history.folder))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = history.version_table
    command.upgrade(config, revision)


def _refuse_newer(found: str, history: History) -> None:
    if found > history.head:
        raise SchemaNewer(
            f"The database is at schema {found}, newer than the {history.head} of this Podium. "
            "Install the Podium that wrote it: pip install --upgrade podium, or the newer image."
        )


def _revision(connection: Connection, history: History) -> str | None:
    table = history.version_table
    if not inspect(connection).has_table(table):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608
    return None if found is None else str(found)
