"""order_by to SQL: the joins that bring in the values to sort by, and the ORDER BY itself.

Rows without a value come last in both directions; a metric that is NaN comes after every number
and before those. Text sorts by code point on both databases, so that a page means the same on
either and does not change with the system's locale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from podium.client.errors import BadRequest
from sqlalchemy import ColumnElement, Text, and_, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from .entity import Entity, Field, KeyTable, Kind
from .parse import parse_order
from .syntax import InvalidSearch, Order

# Most terms are a join each, and SQLite joins no more than 64 tables.
MAX_TERMS = 20


@dataclass(frozen=True, slots=True)
class Join:
    """An outer join that finds at most one row for each row searched."""

    table: Any
    on: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Ordering:
    """What a SELECT needs to come out in order; ``terms`` is the same order as text.

    Where the first term is a metric, ``lead`` is it, and ``numbers_first`` the order of the rows
    that have a number there, which come before all others: an index holds them in it.
    """

    joins: tuple[Join, ...]
    order_by: tuple[ColumnElement[Any], ...]
    terms: tuple[str, ...]
    lead: Field | None = None
    numbers_first: tuple[ColumnElement[Any], ...] = ()


def compile_order(order_by: Sequence[str | Order], entity: Entity) -> Ordering:
    """The order these terms ask for, made total by the entity's own; its default without any.

    Raises :class:`BadRequest` for a term that is not understood or comes twice.
    """
    if len(order_by) > MAX_TERMS:
        raise BadRequest(f"'order_by' has {len(order_by)} terms, the limit is {MAX_TERMS}.")
    chosen: dict[tuple[str, str, str], tuple[Order, Field]] = {}
    for text in order_by:
        term = text if isinstance(text, Order) else parse_order(text)
        field = entity.find(term.key)
        if _identity(field) in chosen:
            raise InvalidSearch(
                f"`order_by` contains duplicate fields: {list(map(str, order_by))}. "
                f"Name '{field.name[:80]}' once",
                offset=term.key.offset,
            )
        chosen[_identity(field)] = term, field
    for text in entity.ties if order_by else entity.default_order:
        term = parse_order(text)
        field = entity.find(term.key)
        chosen.setdefault(_identity(field), (term, field))
    joins: list[Join] = []
    expressions = [_expressions(*each, entity, joins) for each in chosen.values()]
    first = next(field for _, field in chosen.values())
    lead, numbers_first = None, expressions
    if first.kind is Kind.METRIC and first.table is not None and not first.table.latest:
        lead = replace(first, column=getattr(joins[0].table, first.column.key))
        numbers_first = [expressions[0][-1:], *expressions[1:]]
    return Ordering(
        tuple(joins),
        tuple(chain.from_iterable(expressions)),
        tuple(str(term) for term, _ in chosen.values()),
        lead,
        tuple(chain.from_iterable(numbers_first)),
    )


def _identity(field: Field) -> tuple[str, str, str]:
    return field.scope, field.name, field.column.key


def _expressions(
    term: Order, field: Field, entity: Entity, joins: list[Join]
) -> list[ColumnElement[Any]]:
    if field.table is not None:
        join, owner, value = (_latest if field.table.latest else _only)(field, field.table, entity)
        joins.append(join)
        last = (
            [owner.is_(None), value.is_(None)] if field.kind is Kind.METRIC else [owner.is_(None)]
        )
    elif field.owner is not None:
        raise InvalidSearch(
            f"There may be several of {field.scope}.{field.name}, so nothing is sorted by it",
            offset=term.key.offset,
        )
    else:
        value = field.column.expression
        last = [value.is_(None)] if field.nullable else []
    if field.kind is Kind.TEXT:
        value = _CodePoints(value)
    return [*last, value.desc() if term.descending else value.asc()]


_Joined = tuple[Join, ColumnElement[Any], ColumnElement[Any]]


def _only(field: Field, table: KeyTable, entity: Entity) -> _Joined:
    """The row of the key, its owner and its value."""
    row = aliased(table.owner.class_)
    owner, key = getattr(row, table.owner.key), getattr(row, table.key.key)
    join = Join(row, and_(owner == entity.id, key == field.name))
    return join, owner, getattr(row, field.column.key)


def _latest(field: Field, table: KeyTable, entity: Entity) -> _Joined:
    """As :func:`_only`, of the rows of the key the first in the table's order."""
    place = func.row_number().over(partition_by=table.owner, order_by=table.latest)
    rows = (
        select(table.owner.label("owner"), field.column.label("value"), place.label("place"))
        .where(*field.rows)
        .subquery()
    )
    join = Join(rows, and_(rows.c.owner == entity.id, rows.c.place == 1))
    return join, rows.c.owner, rows.c.value


class _CodePoints(FunctionElement[str]):
    """Text as it sorts byte by byte, which in UTF-8 is by code point: SQLite's way already."""

    type = Text()
    inherit_cache = True


@compiles(_CodePoints)
def _plain(element: _CodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(_CodePoints, "postgresql")
def _collated(element: _CodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return f'{compiler.process(element.clauses, **options)} COLLATE "C"'
