"""Rows of a table as an export has them: out of the database in order, and into it once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from podium.client.errors import BadRequest, Conflict
from podium.client.rules import shown
from podium.tracker.models import Run
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    String,
    cast,
    func,
    insert,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .fields import NUMBER, Field, Reference
from .parquet import Row
from .tables import TableOf, table_of

NamedRow = Mapping[str, Any]
_FETCHED = 2_000
_KEYS_A_QUERY = 200  # SQLite's parser goes a thousand levels deep


def patient(session: Session) -> None:
    """Statements of this transaction may take as long as it takes to copy everything."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL statement_timeout = 0"))


def read(session: Session, table: TableOf) -> Iterator[Row]:
    """Every row as the values of ``table.fields``, sorted alike by every database."""
    order = [_ordered(session, table, name) for name in table.order or table.key]
    statement = _selected(table).order_by(*order).execution_options(yield_per=_FETCHED)
    numbers = [at for at, each in enumerate(table.fields) if each.kind == NUMBER]
    for row in session.execute(statement):
        values = list(row)
        for at in numbers:
            if values[at] == 0:
                values[at] = 0.0  # SQLite keeps no sign of a zero, so no export has one
        yield tuple(values)


def count(session: Session, table: TableOf) -> int:
    return int(session.scalars(select(func.count()).select_from(table.table)).one())


def missing(session: Session, table: TableOf, rows: Sequence[NamedRow]) -> list[NamedRow]:
    """Those of the rows that the database lacks.

    :class:`Conflict` names the first that is there and differs, or whose name another row has.
    """
    there = _stored(session, table, rows)
    lacking = []
    for row in rows:
        found = there.get(_key_of(table, row))
        if found is None:
            lacking.append(row)
            continue
        for name, value in row.items():
            if found[name] != value:
                raise Conflict(
                    f"{_called(table, row)} has {name} {shown(found[name])} here and "
                    f"{shown(value)} in the export. Import into an empty installation."
                )
    _refuse_taken(session, table, lacking)
    return lacking


def add(session: Session, table: TableOf, rows: Sequence[NamedRow]) -> None:
    """Insert rows, their references turned back into numbers."""
    ready = [dict(row) for row in rows]
    for column, reference in table.references.items():
        numbers = _numbers(session, reference, {row[reference.name] for row in ready})
        for row in ready:
            name = row.pop(reference.name)
            row[column] = None if name is None else numbers[name]
    if not ready:
        return
    try:
        session.execute(insert(table.table), ready)
    except IntegrityError as error:
        raise Conflict(
            f"What is here contradicts {table.name} of the export: "
            f"{' '.join(str(error.orig).split())}. Import into an empty installation."
        ) from None


def renumber(session: Session, table: TableOf) -> None:
    """Let PostgreSQL go on counting behind the numbers that were given; SQLite does it itself."""
    if not table.numbered or session.get_bind().dialect.name != "postgresql":
        return
    number = session.scalars(select(func.max(table.table.columns["id"]))).one() or 0
    if number > 0:
        sequence = cast(func.pg_get_serial_sequence(table.name, "id"), REGCLASS)
        last = func.coalesce(func.pg_sequence_last_value(sequence), 0)
        session.execute(select(func.setval(sequence, func.greatest(number, last))))


def _selected(table: TableOf) -> Select[Any]:
    """The fields of every row."""
    fields = [_column(table, each).label(each.name) for each in table.fields]
    statement: Select[Any] = select(*fields).select_from(table.table)
    for each in table.fields:
        if each.reference is not None:
            there = table_of(each.reference.model)
            here = table.table.columns[each.column]
            on = here == there.columns[each.reference.number]
            statement = statement.join(there, on, isouter=each.nullable)
    return statement


def _column(table: TableOf, field: Field) -> ColumnElement[Any]:
    if field.reference is not None:
        return table_of(field.reference.model).columns[field.reference.known_as]
    return table.table.columns[field.column]


def _ordered(session: Session, table: TableOf, name: str) -> ColumnElement[Any]:
    column: ColumnElement[Any]
    if name.startswith("run."):
        column = table_of(Run).columns[name.removeprefix("run.")]
    else:
        column = _column(table, next(each for each in table.fields if each.name == name))
    if isinstance(column.type, String) and session.get_bind().dialect.name == "postgresql":
        return column.collate("C")  # by code point, as SQLite does
    return column


def _stored(
    session: Session, table: TableOf, rows: Sequence[NamedRow]
) -> dict[tuple[Any, ...], NamedRow]:
    """What the database has under the keys of these rows."""
    fields = {each.name: each for each in table.fields}
    key = tuple_(*(_column(table, fields[name]) for name in table.key))
    statement = _selected(table)
    found: dict[tuple[Any, ...], NamedRow] = {}
    for start in range(0, len(rows), _KEYS_A_QUERY):
        keys = [_key_of(table, row) for row in rows[start : start + _KEYS_A_QUERY]]
        for row in session.execute(statement.where(key.in_(keys))).mappings():
            found[_key_of(table, row)] = dict(row)
    return found


def _refuse_taken(session: Session, table: TableOf, rows: Sequence[NamedRow]) -> None:
    """For columns beside the key that are unique: is one of these values another row's?"""
    for column in table.table.columns:
        if not column.unique or (column.name,) == table.key or column.name in table.omit:
            continue
        values = [row[column.name] for row in rows if row.get(column.name) is not None]
        for start in range(0, len(values), _KEYS_A_QUERY):
            chunk = values[start : start + _KEYS_A_QUERY]
            taken = session.scalars(select(column).where(column.in_(chunk)).limit(1)).first()
            if taken is not None:
                raise Conflict(
                    f"Another row of {table.name} has the {column.name} {shown(taken)} here. "
                    "Import into an empty installation."
                )


def _numbers(session: Session, reference: Reference, names: Iterable[Any]) -> dict[Any, int]:
    table = table_of(reference.model)
    known_as, number = table.columns[reference.known_as], table.columns[reference.number]
    wanted = sorted(name for name in names if name is not None)
    found: dict[Any, int] = {}
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        chunk = wanted[start : start + _KEYS_A_QUERY]
        rows = session.execute(select(known_as, number).where(known_as.in_(chunk)))
        found.update((name, int(value)) for name, value in rows)
    if lost := [name for name in wanted if name not in found]:
        raise BadRequest(
            f"The export refers to {shown(lost[0])} of {table_of(reference.model).name}, which it "
            "does not hold. Export again."
        )
    return found


def _key_of(table: TableOf, row: NamedRow | RowMapping) -> tuple[Any, ...]:
    return tuple(row[name] for name in table.key)


def _called(table: TableOf, row: NamedRow) -> str:
    return f"{table.name} {', '.join(f'{name}={shown(row[name])}' for name in table.key)}"
