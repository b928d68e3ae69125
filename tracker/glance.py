"""One number of the database, read so cheaply that each request can afford it.

No session and no transaction, which cost more than the read itself. Each connection of SQLite's
pool can do that. On PostgreSQL it has one connection of its own, which commits by itself and is not
asked whether it still lives; if it does not, a second one is tried.
"""

from __future__ import annotations

from typing import Any

from podium.client.errors import Unavailable
from sqlalchemy import Engine, create_engine

_SECONDS = 10


class Glance:
    """Reads by statements that return one row or none, of one column; safe to share by threads."""

    def __init__(self, engine: Engine, connect: dict[str, Any]) -> None:
        self._engine = engine
        if engine.dialect.name != "sqlite":
            self._engine = create_engine(
                engine.url,
                pool_size=1,
                max_overflow=0,
                pool_timeout=_SECONDS,
                connect_args={**connect, "autocommit": True},
            )
        self._errors = self._engine.dialect.loaded_dbapi.Error

    def read(self, statement: str) -> Any:
        """The number, or None without a row; :class:`Unavailable` if the database is away."""
        try:
            return self._read(statement)
        except self._errors:
            pass  # after a restart of the database its first reader finds the connection broken
        try:
            return self._read(statement)
        except self._errors as error:
            raise Unavailable(
                f"The database cannot be used now: {' '.join(str(error).split())}", retry_after=2
            ) from error

    def _read(self, statement: str) -> Any:
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            found = cursor.fetchone()
            cursor.close()
        except self._errors:
            connection.invalidate()
            raise
        finally:
            connection.close()
        return None if found is None else found[0]

    def close(self) -> None:
        self._engine.dispose()
