"""One page of a search, and the token that leads to the next.

A token is opaque to clients: base64 of where the page ended and of a digest over that and the query
it belongs to. Whether it was cut, altered or sent with another query, the digest no longer fits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from podium.client.errors import BadRequest
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from .compile import compile_clause, numbers_asked
from .entity import Entity, Field
from .order import Ordering, compile_order, in_an_index
from .parse import parse_filter
from .position import Position, after, columns_of, from_on, position_of, read_position
from .syntax import Clause, Order

# A token is a part of addresses, in which a page's filter and columns stand too.
_MAX_TOKEN = 2000
_MAX_OFFSET = 2**53
# So few rows are read and sorted sooner than they are found in an index among those of others.
_FEW = 5000
_LISTED = 500


@dataclass(frozen=True, slots=True)
class _Start:
    """How many rows came before a page, and where the last of them stands.

    Without a position, which may be too long for a token, the page begins after so many rows.
    """

    offset: int = 0
    position: Position | None = None


def search_page(
    session: Session,
    entity: Entity,
    statement: Select[Any],
    *,
    filter: str | Clause | None,  # noqa: A002  (its name in the API)
    order_by: Sequence[str | Order],
    max_results: int,
    page_token: str | None,
    scope: Sequence[object],
) -> tuple[list[Any], str | None]:
    """The rows of ``statement`` that match, in order, and the token of the next page if any.

    ``statement`` selects one class. ``filter`` may be parsed already. ``scope`` is what else chose
    the rows, such as experiment ids: a token holds for it only.
    Raises :class:`BadRequest` for a filter, order or token that is not understood.
    """
    clause = parse_filter(filter) if isinstance(filter, str) else filter
    ordering = compile_order(order_by, entity)
    query = json.dumps([entity.name, str(clause), ordering.words, [str(each) for each in scope]])
    start = _open(page_token, query, ordering) if page_token else _Start()
    matching = statement.where(compile_clause(clause, entity)).limit(max_results + 1)
    matching = matching.add_columns(*columns_of(ordering))
    rows: list[Any] | None = None
    matching, listed = _narrowed(session, matching, clause, entity)
    if ordering.lead is not None and not listed and not _are_few(session, entity, statement):
        conditions = _conditions_on(clause, entity, ordering.lead)
        numbers = _with_numbers(matching, ordering, ordering.lead, conditions, start)
        if numbers is not None:
            rows = list(session.execute(numbers))
            # What the filter asks of this metric only rows with a number have: these are all.
            if len(rows) <= max_results and not conditions:
                rows = None
    if rows is None:
        rows = list(session.execute(_in_order(matching, ordering, start)))
    found = [row[0] for row in rows[:max_results]]
    if len(rows) <= max_results:
        return found, None
    position = position_of(ordering, rows[max_results - 1][1:])
    return found, _seal(_Start(start.offset + max_results, position), query)


def _narrowed(
    session: Session, matching: Select[Any], clause: Clause | None, entity: Entity
) -> tuple[Select[Any], bool]:
    """The statement over a list of the rows that an index says may match, if those are few.

    A planner that does not know how few looks through all rows for them.
    """
    for field, condition in numbers_asked(clause, entity):
        if in_an_index(field) and field.owner is not None:
            some = select(field.owner).where(*field.rows, condition(field)).limit(_LISTED + 1)
            rows = session.scalars(some).all()
            if len(rows) <= _LISTED:
                return matching.where(entity.id.in_(rows)), True
    return matching, False


def _conditions_on(clause: Clause | None, entity: Entity, lead: Field) -> list[ColumnElement[bool]]:
    """What the filter asks of the metric that rows are sorted by."""
    meant = (lead.scope, lead.name, lead.column.key)
    return [
        condition(lead)
        for field, condition in numbers_asked(clause, entity)
        if (field.scope, field.name, field.column.key) == meant
    ]


def _are_few(session: Session, entity: Entity, statement: Select[Any]) -> bool:
    some = statement.with_only_columns(entity.id).limit(_FEW + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() <= _FEW


def _with_numbers(
    matching: Select[Any],
    ordering: Ordering,
    lead: Field,
    conditions: Sequence[ColumnElement[bool]],
    start: _Start,
) -> Select[Any] | None:
    """The rows with a number in the metric that they are sorted by; None after the last of them.

    Those come before all others, and an index has them in order: when they fill the page, that of a
    hundred thousand runs is read as fast as that of a hundred.
    """
    first, *others = ordering.joins
    statement = matching.join(first.table, first.on)
    statement = statement.where(lead.column.is_not(None), *conditions)
    for join in others:
        statement = statement.outerjoin(join.table, join.on)
    statement = statement.order_by(*ordering.numbers_first)
    if start.position is None:
        return statement.offset(start.offset)
    if start.position[0] in ((), (None,)):
        return None
    return statement.where(
        from_on(ordering.terms[0], start.position[0]), after(ordering, start.position)
    )


def _in_order(matching: Select[Any], ordering: Ordering, start: _Start) -> Select[Any]:
    statement = matching
    for join in ordering.joins:
        statement = statement.outerjoin(join.table, join.on)
    statement = statement.order_by(*ordering.order_by)
    if start.position is None:
        return statement.offset(start.offset)
    first = ordering.terms[0]
    if first.owner is None and not first.nullable:
        statement = statement.where(from_on(first, start.position[0]))
    return statement.where(after(ordering, start.position))


def _seal(start: _Start, query: str) -> str:
    found = _encode({"offset": start.offset, "after": start.position}, query)
    return found if len(found) <= _MAX_TOKEN else _encode({"offset": start.offset}, query)


def _encode(told: dict[str, Any], query: str) -> str:
    text = json.dumps({**told, "query": _digest(told, query)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def _open(token: str, query: str, ordering: Ordering) -> _Start:
    try:
        text = base64.b64decode(token[:_MAX_TOKEN], altchars=b"-_", validate=True)
        told = json.loads(text)
        digest, offset = told.pop("query"), told["offset"]
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadRequest(
            "Invalid page token: it was not made by this server. Leave out 'page_token' to start "
            "from the first page."
        ) from None
    position = read_position(ordering, told["after"]) if "after" in told else None
    known = type(offset) is int and 0 <= offset <= _MAX_OFFSET
    known = known and (position is not None or "after" not in told)
    if not known or digest != _digest(told, query):
        raise BadRequest(
            "Invalid page token: it belongs to another search. Send the same filter, order_by and "
            "experiment ids as for the page before, or leave out 'page_token'."
        )
    return _Start(offset, position)


def _digest(told: dict[str, Any], query: str) -> str:
    return hashlib.sha256(f"{json.dumps(told)} {query}".encode()).hexdigest()[:24]
