"""Whole tables, with every column and number, out of one database and into another.

An export names things as people do, so that it can be joined to what is there; a backup is for an
empty database, and keeps the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.client.errors import BadRequest
from podium.tracker.models import Base as TrackerBase
from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    cast,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.orm import Session

from ..models import Base as RegistryBase
from ..transfer.fields import Field
from ..transfer.parquet import HashedFile, Writer, read_groups
from ..transfer.tables import kind_of

_FETCHED = 500
_ROWS_A_STATEMENT = 500


def tables() -> list[Table]:
    """Every table of both packages; what others refer to stands before them."""
    return [*TrackerBase.metadata.sorted_tables, *RegistryBase.metadata.sorted_tables]


def dump(session: Session, table: Table, path: Path) -> tuple[HashedFile, int]:
    """Write every row, by primary key; the file and how many rows."""
    fields = [
        Field(each.name, kind_of(each), bool(each.nullable), each.name) for each in table.columns
    ]
    statement = select(*table.columns).order_by(*table.primary_key.columns)
    with HashedFile(path) as file:
        writer = Writer(file, fields)
        for row in session.execute(statement.execution_options(yield_per=_FETCHED)):
            writer.add(tuple(row))
        writer.close()
    return file, writer.rows


def load(connection: Connection, table: Table, path: Path) -> int:
    """Insert every row of the file; how many there were."""
    total = 0
    for rows in read_groups(path):
        if rows and (unknown := rows[0].keys() - {each.name for each in table.columns}):
            raise BadRequest(
                f"The backup has a column {min(unknown)!r} of {table.name} that its own schema "
                "lacks: it is damaged, or of another Podium."
            )
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            connection.execute(insert(table), rows[start : start + _ROWS_A_STATEMENT])
        total += len(rows)
    return total


def reflected(connection: Connection, names: Sequence[str]) -> dict[str, Table]:
    """The tables of these names as the database has them."""
    there = set(inspect(connection).get_table_names())
    if lacking := sorted(set(names) - there):
        raise BadRequest(
            f"The backup has a table {lacking[0]} that its schema lacks: it is damaged, or of "
            "another Podium."
        )
    found = MetaData()
    found.reflect(connection, only=list(names))
    return {name: found.tables[name] for name in names}


def last_numbers(session: Session) -> dict[str, int]:
    """By table the last number that the database gave out, so that none is given again."""
    numbered = [each.name for each in tables() if _is_numbered(each)]
    if session.get_bind().dialect.name == "sqlite":
        known = {name: int(last) for name, last in session.execute(text(_SQLITE_NUMBERS))}
        return {name: known[name] for name in numbered if name in known}
    found = {}
    for name in numbered:
        last = session.scalar(select(func.pg_sequence_last_value(_sequence(name))))
        if last is not None:
            found[name] = int(last)
    return found


_SQLITE_NUMBERS = "SELECT name, seq FROM sqlite_sequence"


def go_on_counting(
    connection: Connection, loaded: Sequence[Table], numbers: Mapping[str, int]
) -> None:
    """Let the database give out what follows the numbers in its rows, and those of ``numbers``."""
    for table in loaded:
        if connection.dialect.name == "sqlite":
            update = text("UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :name")
            known = {"name": table.name, "last": numbers.get(table.name, 0)}
            if known["last"] and not connection.execute(update, known).rowcount:
                _begin_counting(connection, table, known)
            continue
        if "id" not in table.columns or table.columns["id"].identity is None:
            continue
        top = connection.scalar(select(func.max(table.columns["id"]))) or 0
        last = max(top, numbers.get(table.name, 0))
        if last > 0:
            connection.execute(select(func.setval(_sequence(table.name), last)))


def _begin_counting(connection: Connection, table: Table, known: dict[str, Any]) -> None:
    """Of an empty table SQLite has no row yet; a table that does not count keeps having none."""
    sql = connection.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), known
    )
    if "AUTOINCREMENT" in str(sql).upper():
        connection.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), known
        )


def _is_numbered(table: Table) -> bool:
    return "id" in table.columns and table.columns["id"].identity is not None


def _sequence(table: str) -> Any:
    return cast(func.pg_get_serial_sequence(table, "id"), REGCLASS)
