"""Group commit for SQLite: who waits for the writer's turn shares the sync of who has it.

A sync of the disk costs the same for one transaction as for many. So the threads that write take
turns inside one transaction, each in a savepoint of its own, and whoever finds nobody behind him
commits for all; nobody returns before the commit. One member that fails undoes its own savepoint
alone. (As in DeWitt et al., Implementation Techniques for Main Memory Database Systems, 1984.)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

# Bounds how long the first of a group waits for the last.
MAX_MEMBERS = 64


class _Group:
    """Those who share one commit."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.members = 0
        self.done = threading.Event()
        self.error: BaseException | None = None


class GroupCommit:
    def __init__(self, engine: Engine) -> None:
        """``engine``'s connections take the write lock when a transaction begins."""
        self._engine = engine
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._group: _Group | None = None

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One write transaction of the caller's, on disk when this is left; undone on an error."""
        self._count(1)
        with self._turn:
            self._count(-1)
            group = self._join()
            try:
                with (
                    Session(
                        group.connection,
                        expire_on_commit=False,
                        join_transaction_mode="create_savepoint",
                    ) as session,
                    session.begin(),
                ):
                    yield session
            except BaseException:
                self._leave(group, failed=True)
                raise
            self._leave(group)
        group.done.wait()
        if group.error is not None:
            raise group.error

    def _count(self, change: int) -> None:
        with self._counting:
            self._waiting += change

    def _join(self) -> _Group:
        if self._group is None:
            connection = self._engine.connect()
            try:
                connection.begin()
            except BaseException:
                connection.close()
                raise
            self._group = _Group(connection)
        return self._group

    def _leave(self, group: _Group, *, failed: bool = False) -> None:
        """Commit, unless somebody waits who will; called with the turn held."""
        group.members += not failed
        if _is_undone(group.connection):
            # A full disk, for one, makes SQLite undo the whole transaction, not the savepoint.
            group.error = OperationalError("COMMIT", {}, Exception("the transaction was undone"))
        elif self._waiting and group.members < MAX_MEMBERS:
            return
        self._group = None
        try:
            if group.error is None:
                group.connection.commit()
        except BaseException as error:  # noqa: BLE001  (every member raises it)
            group.error = error
            group.connection.invalidate()  # it may still be inside the transaction
        finally:
            group.connection.close()
            group.done.set()


def _is_undone(connection: Connection) -> bool:
    raw = connection.connection.dbapi_connection
    return raw is not None and not raw.in_transaction
