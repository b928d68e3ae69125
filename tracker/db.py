"""The database: one engine and two kinds of transaction.

SQLite and PostgreSQL hold the same tables. On SQLite a write transaction takes the write lock when
it begins, so it can fail only there and never half-way; the threads of one process queue for it
instead of polling, and those that queue share one commit (``group``). A transaction that returned
has reached the disk (``synchronous=FULL``, PostgreSQL's default ``synchronous_commit``).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from podium.client.errors import ConfigError, Unavailable
from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session

from .clock import Shared, now_ms
from .glance import Glance
from .group import GroupCommit
from .instruments import CONNECTIONS, POOL_TIMEOUTS
from .turnstile import Turnstile

_BUSY_MS = 30_000
# PostgreSQL's read_only_sql_transaction: a standby that is not promoted yet, or an administrator.
_READ_ONLY = "25006"
_POSTGRES = {
    "connect_timeout": 5,
    # A machine that has lost its power ends no connection: whoever waits for it would for a quarter
    # of an hour. One that hangs still answers these.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
    "application_name": "podium",
    "options": "-c statement_timeout=60000 -c lock_timeout=20000",
}
_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_FIXES = (
    (
        "certificate verify failed",
        "Its certificate has expired, or is not of the authority in sslrootcert: renew the one or "
        "name the right other.",
    ),
    (
        "does not match host name",
        "Connect to a name that is in its certificate, or have it made for this one.",
    ),
    (
        "root certificate file",
        "Mount the authority's certificate where sslrootcert says, or name another file.",
    ),
    (
        "password authentication failed",
        "Correct the password (in Kubernetes: in its Secret, then restart the pods).",
    ),
    ("no pg_hba.conf entry", "Let this machine in, in the database's pg_hba.conf, or use TLS."),
    ("remaining connection slots", "Lower PODIUM_THREADS or raise max_connections."),
    ("too many clients", "Lower PODIUM_THREADS or raise max_connections."),
)


class Database:
    """A pool of connections to ``url``; safe to share between threads, not across a fork.

    No more than ``at_once`` threads are in a PostgreSQL at the same time (:mod:`.turnstile`).
    Raises :class:`ConfigError` when the URL is of no database Podium knows.
    """

    def __init__(self, url: str, *, pool_size: int = 16, at_once: int | None = None) -> None:
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
                connect_args=_POSTGRES,
            )
        event.listen(self.engine, "checkout", lambda *_: CONNECTIONS.inc())
        event.listen(self.engine, "checkin", lambda *_: CONNECTIONS.dec())
        snapshot = {} if self.dialect == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        self._read_engine: Engine = self.engine.execution_options(**snapshot)
        self._write_engine: Engine = self.engine.execution_options(podium_write=True)
        self._glance = Glance(self.engine, _POSTGRES)
        self._group = GroupCommit(self._write_engine) if self.dialect == "sqlite" else None
        # SQLite's own threads queue for its one writer, and nothing of it is far away.
        self._passed: Callable[[], AbstractContextManager[None]] = nullcontext
        if at_once is not None and self.dialect != "sqlite":
            self._passed = Turnstile(at_once).passed
        # SQLite has none of its own; all processes over one file are on one machine.
        self.now_ms: Callable[[], int] = (
            now_ms if self.dialect == "sqlite" else Shared(lambda: int(self.glance(_NOW))).now_ms
        )
        """The time by the clock that all processes over this database share."""

    @property
    def engines(self) -> tuple[Engine, ...]:
        """Those that statements go by, for who listens to them."""
        return self._read_engine, self._write_engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One read transaction: everything in it sees the same state."""
        with (
            self._passed(),
            _unavailable(self.url),
            Session(self._read_engine, expire_on_commit=False) as session,
        ):
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
                self._passed(),
                Session(self._write_engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """One write transaction that no other shares, for changes of the schema."""
        with _unavailable(self.url), self._write_engine.begin() as connection:
            yield connection

    def glance(self, statement: str) -> Any:
        """One number, for what each request asks; see :mod:`.glance`."""
        with self._passed(), _unavailable(self.url):
            return self._glance.read(statement)

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
        self._glance.close()
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
        POOL_TIMEOUTS.inc()
        raise Unavailable(
            "Every database connection is busy; try again shortly.", retry_after=1
        ) from None
    except OperationalError as error:
        raise Unavailable(
            f"The database {url} cannot be used now: {_one_line(error)}{_fix(error)}", retry_after=2
        ) from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _READ_ONLY:
            raise Unavailable(
                f"The database {url} takes no changes now: {_one_line(error)}", retry_after=2
            ) from error
        if error.connection_invalidated:
            raise Unavailable(
                f"The connection to {url} broke: {_one_line(error)}", retry_after=2
            ) from error
        raise


def _fix(error: DBAPIError) -> str:
    """What to do, where PostgreSQL's message says what is wrong and not that."""
    said = str(error.orig).lower()
    return next((f" {fix}" for clue, fix in _FIXES if clue in said), "")


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
