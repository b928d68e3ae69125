"""Locks that lie on no row: PostgreSQL's advisory locks, all that there are.

On SQLite there is one writer at a time, who waits for nobody, so nothing is to be done there.
"""

from __future__ import annotations

from enum import IntEnum, unique

from sqlalchemy import Connection, func, select


@unique
class Lock(IntEnum):
    """A number is the lock, whoever thinks of it: no two may be alike, and none may change, since
    processes of two versions run side by side during an upgrade.
    """

    SCHEMA = 0x706F6469756D  # bringing the schema to a version
    AUDIT = 0x706F6469756E  # the end of the chain; nothing is waited for under it
    RULES = 0x706F6469756F  # of promotion
    SPREAD = 0x706F64697570  # events becoming deliveries, in their order
    FIRST_ADMIN = 0x706F64697571


def lock(connection: Connection, which: Lock) -> None:
    """Alone, until the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(which)))


def share(connection: Connection, which: Lock) -> None:
    """With others who share it and nobody who is alone, until the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock_shared(which)))
