"""Where a page ended, as the values that its last row is sorted by: the next begins after them.

So a page costs the same wherever it stands, and rows that come or go between two pages neither
repeat others nor hide them, as an offset would.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from podium.client.rules import INT64_MAX, INT64_MIN, check_text
from sqlalchemy import ColumnElement, and_, false, or_

from .entity import Kind
from .order import Ordering, Sorted

# What a row is sorted by, for each term: (value,), (None,) for NaN, () where it has nothing.
Place = tuple[Any, ...]
Position = tuple[Place, ...]


def columns_of(ordering: Ordering) -> list[ColumnElement[Any]]:
    """What :func:`position_of` is told of a row."""
    return [each for term in ordering.terms for each in _columns(term)]


def position_of(ordering: Ordering, found: Sequence[Any]) -> Position:
    values = iter(found)
    return tuple(_place(term, values) for term in ordering.terms)


def read_position(ordering: Ordering, told: object) -> Position | None:
    """The position that a client sends back as lists; None if these columns cannot hold it."""
    if not isinstance(told, list) or len(told) != len(ordering.terms):
        return None
    for term, place in zip(ordering.terms, told, strict=True):
        if not isinstance(place, list) or not _fits(term, place):
            return None
    return tuple(map(tuple, told))


def after(ordering: Ordering, position: Position) -> ColumnElement[bool]:
    """Whether a row comes after this position."""
    found: ColumnElement[bool] = false()
    for term, place in reversed([*zip(ordering.terms, position, strict=True)]):
        found = or_(_beyond(term, place), and_(_same(term, place), found))
    return found


def from_on(term: Sorted, place: Place) -> ColumnElement[bool]:
    """Of rows that have a value: what :func:`after` implies, in words that an index understands."""
    [value] = place
    compared, least = term.compared, not term.descending
    found: ColumnElement[bool] = compared >= value if least else compared <= value
    return found


def _columns(term: Sorted) -> list[ColumnElement[Any]]:
    return [term.value] if term.owner is None else [term.owner, term.value]


def _place(term: Sorted, values: Iterator[Any]) -> Place:
    if term.owner is not None and next(values) is None:
        next(values)
        return ()
    value = next(values)
    return () if value is None and term.owner is None else (value,)


def _beyond(term: Sorted, place: Place) -> ColumnElement[bool]:
    match place:
        case (None,) if term.owner is not None:
            return term.owner.is_(None)
        case (value,):
            later = term.compared < value if term.descending else term.compared > value
            missing = term.nullable or term.owner is not None
            return or_(later, term.value.is_(None)) if missing else later
        case _:
            return false()


def _same(term: Sorted, place: Place) -> ColumnElement[bool]:
    match place:
        case (None,) if term.owner is not None:
            return and_(term.owner.is_not(None), term.value.is_(None))
        case (value,):
            same: ColumnElement[bool] = term.compared == value
            return same
        case _:
            return (term.value if term.owner is None else term.owner).is_(None)


def _fits(term: Sorted, place: list[object]) -> bool:
    match place:
        case []:
            return True
        case [None]:
            return term.owner is not None and term.nullable
        case [str(value)]:
            return term.field.kind is Kind.TEXT and check_text(value, "page_token") == value
        case [float(value)]:
            return term.field.kind is Kind.METRIC and not math.isnan(value)
        case [int(value)] if type(value) is int:
            whole = term.field.kind in (Kind.INTEGER, Kind.IDENTIFIER)
            return whole and INT64_MIN <= value <= INT64_MAX
    return False
