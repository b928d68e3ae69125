"""The database: one engine and two kinds of transaction.

SQLite and PostgreSQL hold the same tables. On SQLite a write transaction takes the write lock when
it begins, so it can fail only there and never half-way; the threads of one process queue for it
instead of polling, and those that queue share one commit (``group``). A transaction that returned
has reached the disk (``synchronous=FULL``, PostgreSQL's default ``synchronous_commit``).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from podium.client.errors import ConfigError, Unavailable
from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from .group import GroupCommit

_BUSY_MS = 30_000


class Database:
    """A pool of connections to ``url``; safe to share between threads, not across a fork.

    Raises :class:`ConfigError` when the URL is of no database Podium knows.
    """

    def __init__(self, url: str, *, pool_size: int = 16) -> None:
        parsed = parse_url(url)
        self.url = parsed.render_as_string(hide_password=True)
        self.dialect = parsed.get_backend_name()
        if self.dialect == "sqlite":
            # The connection used last has its pages in its cache.
            self.engine = create_engine(
                parsed, pool_size=pool_size, max_overflow=0, pool_use_lifo=True
            )
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = create_engine(
                parsed,
                pool_size=pool_size,
                max_overflow=0,
                pool_pre_ping=True,
                pool_timeout=10,
                connect_args={
                    "connect_timeout": 5,
                    "application_name": "podium",
                    "options": "-c statement_timeout=60000 -c lock_timeout=20000",
                },
            )
        snapshot = {} if self.dialect == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._read_engine: Engine = self.engine.execution_options(**snapshot)
        self._write_engine: Engine = self.engine.execution_options(podium_write=True)
        self._group = GroupCommit(self._write_engine) if self.dialect == "sqlite" else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One read transaction: everything in it sees the same state."""
        with _unavailable(self.url), Session(self._read_engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One write transaction, committed on leaving and rolled back on an error."""
        with _unavailable(self.url):
            if self._group is not None:
                with self._group.writing() as session:
                    yield session
                return
            with (
                Session(self._write_engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """One write transaction that no other shares, for changes of the schema."""
        with _unavailable(self.url), self._write_engine.begin() as connection:
            yield connection

    def ping(self) -> None:
        """Raise :class:`Unavailable` unless the database answers."""
        with self.reading() as session:
            session.execute(select(1))

    def optimize(self) -> None:
        """Let the query planner look at the data again; PostgreSQL does that on its own."""
        if self.dialect == "sqlite":
            with self.writing() as session:
                session.execute(text("PRAGMA optimize"))

    def close(self) -> None:
        self.engine.dispose()


def parse_url(url: str) -> URL:
    """The URL with the driver Podium uses; :class:`ConfigError` says what one looks like."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(
            "PODIUM_DATABASE_URL is not a database URL. Write postgresql://user:password@host/name "
            "or sqlite:////absolute/path/podium.db."
        ) from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigError(
                "PODIUM_DATABASE_URL names no SQLite file: an in-memory database would be another "
                "one in each thread. Write sqlite:////absolute/path/podium.db."
            )
        return parsed
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(f"PODIUM_DATABASE_URL starts with {backend!r}: give postgresql or sqlite.")


def insert(session: Session, table: type[DeclarativeBase]) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT; the two dialects share its interface."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


@contextmanager
def _unavailable(url: str) -> Iterator[None]:
    """A database that does not answer is a 503 to be tried again, whoever asked."""
    try:
        yield
    except PoolTimeout:
        raise Unavailable(
            "Every database connection is busy; try again shortly.", retry_after=1
        ) from None
    except OperationalError as error:
        raise Unavailable(
            f"The database {url} cannot be used now: {_one_line(error)}", retry_after=2
        ) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable(
                f"The connection to {url} broke: {_one_line(error)}", retry_after=2
            ) from error
        raise


def _one_line(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Python's driver would begin transactions on its own, and too late: see _begin_sqlite.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    _use_wal(cursor)
    for pragma in (
        "synchronous = FULL",
        "foreign_keys = ON",
        "case_sensitive_like = ON",
        "temp_store = MEMORY",
        "cache_size = -65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Two connections that make this switch in a new file may block each other, and then SQLite
    does not wait, but fails one of them at once: https://sqlite.org/c3ref/busy_handler.html
    """
    deadline = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get("podium_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
