"""One page of a search, and the token that leads to the next.

A token is opaque to clients: base64 of the offset and of a digest over the query it belongs to.
Whether it was cut, altered or sent with another query, the digest no longer fits.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from podium.client.errors import BadRequest
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import Session

from .compile import compile_clause, conditions_on
from .entity import Entity, Field
from .order import Ordering, compile_order
from .parse import parse_filter
from .syntax import Clause, Order

Row = TypeVar("Row")
_MAX_TOKEN = 200
_MAX_OFFSET = 2**53


def search_page(
    session: Session,
    entity: Entity,
    statement: Select[Row],
    *,
    filter: str | Clause | None,  # noqa: A002  (its name in the API)
    order_by: Sequence[str | Order],
    max_results: int,
    page_token: str | None,
    scope: Sequence[object],
) -> tuple[list[Row], str | None]:
    """The rows of ``statement`` that match, in order, and the token of the next page if any.

    ``filter`` may be parsed already. ``scope`` is what else chose the rows, such as experiment ids:
    a token holds for it only.
    Raises :class:`BadRequest` for a filter, order or token that is not understood.
    """
    clause = parse_filter(filter) if isinstance(filter, str) else filter
    ordering = compile_order(order_by, entity)
    query = json.dumps([entity.name, str(clause), ordering.terms, [str(each) for each in scope]])
    offset = _open(page_token, query) if page_token else 0
    statement = statement.where(compile_clause(clause, entity))
    statement = statement.limit(max_results + 1).offset(offset)
    rows: list[Any] | None = None
    if ordering.lead is not None:
        conditions = conditions_on(clause, entity, ordering.lead)
        rows = list(session.scalars(_with_numbers(statement, ordering, ordering.lead, conditions)))
        # What the filter asks of this metric only rows with a number have: then these are all.
        if len(rows) <= max_results and not conditions:
            rows = None
    if rows is None:
        for join in ordering.joins:
            statement = statement.outerjoin(join.table, join.on)
        rows = list(session.scalars(statement.order_by(*ordering.order_by)))
    if len(rows) <= max_results:
        return rows, None
    return rows[:max_results], _seal(offset + max_results, query)


def _with_numbers(
    statement: Select[Row],
    ordering: Ordering,
    lead: Field,
    conditions: Sequence[ColumnElement[bool]],
) -> Select[Row]:
    """The rows with a number in the metric that they are sorted by.

    Those come before all others, and an index has them in order: when they fill the page, that of a
    hundred thousand runs is read as fast as that of a hundred.
    """
    first, *others = ordering.joins
    statement = statement.join(first.table, first.on)
    statement = statement.where(lead.column.is_not(None), *conditions)
    for join in others:
        statement = statement.outerjoin(join.table, join.on)
    return statement.order_by(*ordering.numbers_first)


def _seal(offset: int, query: str) -> str:
    text = json.dumps({"offset": offset, "query": _digest(offset, query)})
    return base64.urlsafe_b64encode(text.encode()).decode()


def _open(token: str, query: str) -> int:
    try:
        text = base64.b64decode(token[:_MAX_TOKEN], altchars=b"-_", validate=True)
        found = json.loads(text)
        offset, digest = found["offset"], found["query"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise BadRequest(
            "Invalid page token: it was not made by this server. Leave out 'page_token' to start "
            "from the first page."
        ) from None
    known = type(offset) is int and 0 <= offset <= _MAX_OFFSET
    if not known or digest != _digest(offset, query):
        raise BadRequest(
            "Invalid page token: it belongs to another search. Send the same filter, order_by and "
            "experiment ids as for the page before, or leave out 'page_token'."
        )
    return int(offset)


def _digest(offset: int, query: str) -> str:
    return hashlib.sha256(f"{offset} {query}".encode()).hexdigest()[:24]
