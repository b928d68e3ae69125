"""Taking every table at once, under load, without standing in anybody's way.

A change of the schema locks table after table. If it waits for one while it has others, requests
that have that one and want another wait for each other's end, and PostgreSQL makes one of them
fail; and behind a lock that is waited for everybody queues, however short his statement. So all
tables are asked for first, for less time than PostgreSQL waits before it looks for a deadlock (a
second); what was got is given back, and a little later it is tried again.
"""

from __future__ import annotations

import time

from podium.client.errors import Unavailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

_TRY_MS = 500
_PATIENCE = 600.0  # seconds
_LOCK_NOT_AVAILABLE = "55P03"
_OURS = text("""
    SELECT quote_ident(relname) FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
      AND pg_has_role(relowner, 'USAGE')
    ORDER BY oid
""")


def take_every_table(connection: Connection) -> None:
    """Alone, until the end of the transaction; on SQLite whoever writes has them anyway.

    Raises :class:`Unavailable` when somebody has not let go of one for ten minutes.
    """
    if connection.dialect.name != "postgresql":
        return
    tables = connection.scalars(_OURS).all()
    if not tables:
        return
    until = time.monotonic() + _PATIENCE
    while not _taken(connection, f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"):
        if time.monotonic() > until:
            raise Unavailable(
                "The schema cannot be changed, since a transaction has held one of the tables for "
                f"{_PATIENCE / 60:.0f} minutes. Find it in pg_stat_activity, by the oldest "
                "xact_start; end it, and try again.",
                retry_after=60,
            )
        time.sleep(_TRY_MS / 1000)


def _taken(connection: Connection, statement: str) -> bool:
    before = connection.begin_nested()
    try:
        connection.execute(text(f"SET LOCAL lock_timeout = {_TRY_MS}"))
        connection.execute(text(statement))
        connection.execute(text("SET LOCAL lock_timeout = 0"))
    except OperationalError as error:
        before.rollback()  # with every lock since then
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    before.commit()
    return True
