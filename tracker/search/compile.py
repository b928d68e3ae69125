"""Syntax to SQL: a filter becomes one WHERE expression with every literal a bound parameter.

Each comparison is true or false for a row, never unknown: a missing key makes it false, whatever
the operator, and so NOT around it is true. SQL's third truth value is kept out by EXISTS and by
testing nullable columns first.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, exists, literal, not_, or_, true

from .entity import Column, Entity, Field, Kind
from .parse import parse_filter
from .syntax import And, Clause, Comparison, InvalidSearch, Not, Operator, Or, Value

# SQLite refuses LIKE patterns over 50,000 bytes; this many characters stay below, escapes included.
MAX_PATTERN = 6_000
_INT64_MIN, _INT64_END = -(2**63), 2**63

_COMPARE: dict[Operator, Callable[[Any, Any], ColumnElement[bool]]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
_MEMBERSHIP = (Operator.IN, Operator.NOT_IN)
_PATTERNS = (Operator.LIKE, Operator.NOT_LIKE, Operator.ILIKE, Operator.NOT_ILIKE)
_RANGES = (Operator.BETWEEN, Operator.NOT_BETWEEN)
_NUMERIC = (*_COMPARE, *_MEMBERSHIP, *_RANGES)
_FOR_NUMBERS = (
    Operator.EQUAL,
    Operator.LESS,
    Operator.AT_MOST,
    Operator.GREATER,
    Operator.AT_LEAST,
    Operator.IN,
    Operator.BETWEEN,
)
_ALLOWED: dict[Kind, tuple[Operator, ...]] = {
    Kind.TEXT: (Operator.EQUAL, Operator.NOT_EQUAL, *_MEMBERSHIP, *_PATTERNS),
    Kind.IDENTIFIER: (Operator.EQUAL, Operator.NOT_EQUAL, *_MEMBERSHIP),
    Kind.INTEGER: _NUMERIC,
    Kind.METRIC: _NUMERIC,
}


def compile_filter(text: str, entity: Entity) -> ColumnElement[bool]:
    """The condition ``text`` puts on rows of ``entity``; always true when it is blank.

    For a SELECT whose FROM holds the entity's own table. Raises :class:`InvalidSearch`.
    """
    return compile_clause(parse_filter(text), entity)


def compile_clause(clause: Clause | None, entity: Entity) -> ColumnElement[bool]:
    match clause:
        case None:
            return true()
        case And(clauses):
            return and_(*(compile_clause(each, entity) for each in clauses))
        case Or(clauses):
            return or_(*(compile_clause(each, entity) for each in clauses))
        case Not(inner):
            return not_(compile_clause(inner, entity))
        case Comparison():
            return _comparison(clause, entity)


def numbers_asked(
    clause: Clause | None, entity: Entity
) -> Iterator[tuple[Field, Callable[[Field], ColumnElement[bool]]]]:
    """What the filter asks in any case of metrics that have one row for each key.

    Each with the condition on a field like it, as on that of a join. Comparisons that NaN can meet
    are left out.
    """
    for part in clause.clauses if isinstance(clause, And) else (clause,):
        if isinstance(part, Comparison) and part.operator in _FOR_NUMBERS:
            field = entity.find(part.key)
            table = field.table
            if field.kind is Kind.METRIC and table is not None and not table.latest:
                yield field, partial(_predicate, clause=part)


def _comparison(clause: Comparison, entity: Entity) -> ColumnElement[bool]:
    field = entity.find(clause.key)
    if field.owner is not None:
        row = (field.owner == entity.id, *field.rows)
        if clause.operator is Operator.IS_NULL:
            return not_(_exists(entity, *row))
        if clause.operator is Operator.IS_NOT_NULL:
            return _exists(entity, *row)
        return _exists(entity, *row, _predicate(field, clause))
    if clause.operator is Operator.IS_NULL:
        return field.column.is_(None)
    if clause.operator is Operator.IS_NOT_NULL:
        return field.column.is_not(None)
    predicate = _predicate(field, clause)
    return and_(field.column.is_not(None), predicate) if field.nullable else predicate


def _exists(entity: Entity, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(*conditions).correlate(entity.id.class_)


def _predicate(field: Field, clause: Comparison) -> ColumnElement[bool]:
    allowed = _ALLOWED[field.kind]
    if clause.operator not in allowed:
        raise InvalidSearch(
            f"Invalid comparator '{clause.operator}' not one of {[str(each) for each in allowed]} "
            f"for {field.scope} '{field.name[:80]}'",
            offset=clause.offset,
        )
    if clause.operator in _PATTERNS:
        return _like(field, clause)
    literals = [_literal(field, value) for value in clause.values]
    column: Column = field.column
    predicate: ColumnElement[bool]
    match clause.operator:
        case Operator.IN:
            return column.in_(_members(field, literals))
        case Operator.NOT_IN:
            predicate = column.not_in(_members(field, literals))
        case Operator.BETWEEN:
            return column.between(*map(_bound, literals))
        case Operator.NOT_BETWEEN:
            return not_(column.between(*map(_bound, literals)))
        case _:
            predicate = _COMPARE[clause.operator](column, _bound(literals[0]))
    if field.kind is Kind.METRIC and clause.operator in (Operator.NOT_EQUAL, Operator.NOT_IN):
        # NaN differs from every number, and is neither less, greater nor between.
        return or_(predicate, column.is_(None))
    return predicate


def _like(field: Field, clause: Comparison) -> ColumnElement[bool]:
    """``%`` is any text and ``_`` any character; a backslash before one of them takes it literally.

    Before anything else a backslash is itself, so that Windows paths need no care.
    """
    [value] = clause.values
    pattern = str(_literal(field, value))
    if len(pattern) > MAX_PATTERN:
        raise InvalidSearch(
            f"The pattern is {len(pattern)} characters long, the limit is {MAX_PATTERN}",
            offset=value.offset,
        )
    escaped = re.sub(r"\\([%_\\]?)", lambda found: "\\" + (found[1] or "\\"), pattern)
    column: Column = field.column
    match clause.operator:
        case Operator.LIKE:
            return column.like(escaped, escape="\\")
        case Operator.NOT_LIKE:
            return column.not_like(escaped, escape="\\")
        case Operator.ILIKE:
            return column.ilike(escaped, escape="\\")
        case _:
            return column.not_ilike(escaped, escape="\\")


def _literal(field: Field, value: Value) -> str | int | float:
    """The literal as the column's type, or an error in the words that users of MLflow know."""
    found = value.value
    match field.kind:
        case Kind.TEXT if not isinstance(found, str):
            what = "attributes" if field.owner is None else f"{field.scope} (e.g. 'my-value')"
            message = f"Expected a quoted string value for {what}. Got value {value.text}"
        case Kind.TEXT:
            return found
        case Kind.IDENTIFIER if re.fullmatch("[0-9]{1,18}", str(found)):
            return int(found)
        case Kind.IDENTIFIER:
            message = (
                f"Expected a whole number for {field.name}, as in '1'. Found {value.text[:80]}"
            )
        case Kind.METRIC if not isinstance(found, str):
            return float(found)
        case Kind.METRIC:
            message = f"Expected numeric value type for metric. Found {value.text[:80]}"
        case _ if not isinstance(found, str):
            whole = _INT64_MIN <= found < _INT64_END and float(found).is_integer()
            return int(found) if whole else float(found)
        case _:
            message = (
                f"Expected numeric value type for numeric attribute: {field.name}. "
                f"Found {value.text[:80]}"
            )
    raise InvalidSearch(message, offset=value.offset)


def _bound(value: str | float) -> Any:
    """A float keeps its type beside an integer column, where PostgreSQL would round it."""
    return literal(value, Double) if isinstance(value, float) else value


def _members(field: Field, literals: list[str | int | float]) -> list[str | int | float]:
    """The values a column can hold, each once: no integer equals 1.5 or 1e300."""
    distinct = list(dict.fromkeys(literals))
    if field.kind is Kind.INTEGER:
        return [value for value in distinct if isinstance(value, int)]
    return distinct
