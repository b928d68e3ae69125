"""Pages of a table whose ids grow, the newest first; what came meanwhile shifts no page.

The token of a page is the id of its last row. Searches that may be ordered by anything have
tokens of their own (:mod:`podium.tracker.search.pages`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from podium.client.errors import BadRequest
from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

Row = TypeVar("Row")
Statement = TypeVar("Statement", bound=Select[*tuple[Any, ...]])

MAX_PAGE = 1000


def check_size(max_results: int, limit: int = MAX_PAGE) -> None:
    if not 1 <= max_results <= limit:
        raise BadRequest(
            f"Invalid value {max_results} for parameter 'max_results' supplied: "
            f"it must be between 1 and {limit}."
        )


def newest_first(
    statement: Statement,
    key: InstrumentedAttribute[int],
    max_results: int,
    page_token: str | None,
) -> Statement:
    """The rows of one page, and one more if there are more: :func:`cut` takes it off."""
    check_size(max_results)
    statement = statement.order_by(key.desc()).limit(max_results + 1)
    return statement.where(key < position(page_token)) if page_token else statement


def cut(
    rows: Sequence[Row], max_results: int, key: Callable[[Row], int] = attrgetter("id")
) -> tuple[Sequence[Row], str | None]:
    """The rows of the page, and the token of the next one if there is one."""
    shown = rows[:max_results]
    return shown, str(key(shown[-1])) if len(rows) > max_results else None


def position(page_token: str) -> int:
    """Behind which id the page begins."""
    if not re.fullmatch(r"[0-9]{1,18}", page_token):
        raise BadRequest(
            "Invalid page token: send the next_page_token of the page before, unchanged, or leave "
            "out 'page_token' to start from the first page."
        )
    return int(page_token)
