"""order_by to SQL: the joins that bring in the values to sort by, and the ORDER BY itself.

Rows without a value come last in both directions; a metric that is NaN comes after every number
and before those. Text sorts by code point on both databases, so that a page means the same on
either and does not change with the system's locale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from podium.client.errors import BadRequest
from sqlalchemy import ColumnElement, Text, and_, func, inspect, select
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
class Sorted:
    """One term of an order: ``value`` is NULL of rows without one, which come last.

    ``owner`` is of the row that holds the value, where that is another row: NULL where there is
    none, which comes after a NULL in the row. ``compared`` is the value as it sorts.
    """

    field: Field
    value: ColumnElement[Any]
    descending: bool
    owner: ColumnElement[Any] | None = None

    @property
    def nullable(self) -> bool:
        """Whether a row that is there may hold NULL."""
        return self.field.nullable or (self.owner is not None and self.field.kind is Kind.METRIC)

    @property
    def compared(self) -> ColumnElement[Any]:
        return _CodePoints(self.value) if self.field.kind is Kind.TEXT else self.value

    @property
    def direction(self) -> ColumnElement[Any]:
        return self.compared.desc() if self.descending else self.compared.asc()

    @property
    def order_by(self) -> list[ColumnElement[Any]]:
        last = [] if self.owner is None else [self.owner.is_(None)]
        if self.nullable:
            last.append(self.value.is_(None))
        return [*last, self.direction]


@dataclass(frozen=True, slots=True)
class Ordering:
    """What a SELECT needs to come out in order; ``words`` is the same order as text.

    Where the first term is a metric that an index holds in order, ``lead`` is it, and
    ``numbers_first`` the order of the rows that have a number there, which come before all others.
    """

    joins: tuple[Join, ...]
    terms: tuple[Sorted, ...]
    words: tuple[str, ...]
    lead: Field | None = None

    @property
    def order_by(self) -> list[ColumnElement[Any]]:
        return [each for term in self.terms for each in term.order_by]

    @property
    def numbers_first(self) -> list[ColumnElement[Any]]:
        others = [each for term in self.terms[1:] for each in term.order_by]
        return [self.terms[0].direction, *others]


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
    terms = tuple(_sorted(*each, entity, joins) for each in chosen.values())
    first, lead = terms[0].field, None
    if in_an_index(first):
        lead = replace(first, column=getattr(joins[0].table, first.column.key))
    return Ordering(tuple(joins), terms, tuple(str(term) for term, _ in chosen.values()), lead)


def in_an_index(field: Field) -> bool:
    """Whether an index has the numbers of this metric in order: one row each, and not of all."""
    if field.table is None or field.table.latest or field.kind is not Kind.METRIC:
        return False
    wanted = [field.table.key.key, field.column.key]
    indexes = inspect(field.table.key.class_).local_table.indexes
    return any([column.name for column in index.columns][:2] == wanted for index in indexes)


def _identity(field: Field) -> tuple[str, str, str]:
    return field.scope, field.name, field.column.key


def _sorted(term: Order, field: Field, entity: Entity, joins: list[Join]) -> Sorted:
    if field.table is not None:
        join, owner, value = (_latest if field.table.latest else _only)(field, field.table, entity)
        joins.append(join)
        return Sorted(field, value, term.descending, owner)
    if field.owner is not None:
        raise InvalidSearch(
            f"There may be several of {field.scope}.{field.name}, so nothing is sorted by it",
            offset=term.key.offset,
        )
    return Sorted(field, field.column.expression, term.descending)


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
