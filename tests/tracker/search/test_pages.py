"""Pages go on after the last row, whatever came or went meanwhile, and at what the first cost."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium.client.errors import BadRequest
from podium.tracker.models import Run
from podium.tracker.runs.search import RUNS
from podium.tracker.search import Order, compile_order, pages, search_page
from podium.tracker.search.position import read_position
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .rows import Row, Summary, store
from .test_properties import CLAUSES, METRIC_KEYS, ORDERS, ROWS

Scratch = Callable[[], AbstractContextManager[Session]]


@pytest.fixture(scope="module", params=["few", "many"], autouse=True)
def size(request: pytest.FixtureRequest) -> Iterator[None]:
    """As of an experiment with a few runs, and of one with so many that indexes are asked."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "many":
            patch.setattr(pages, "_FEW", 0)
            patch.setattr(pages, "_LISTED", 1)
        yield


def page_of(
    session: Session,
    orders: Sequence[str],
    size: int,
    token: str | None = None,
    *,
    filter: str = "",  # noqa: A002
) -> tuple[list[str], str | None]:
    found, token = search_page(
        session,
        RUNS,
        select(Run),
        filter=filter,
        order_by=orders,
        max_results=size,
        page_token=token,
        scope=(),
    )
    return [run.run_id for run in found], token


def walk(session: Session, orders: Sequence[str], size: int, **more: str) -> list[str]:
    found, token = page_of(session, orders, size, **more)
    while token is not None:
        portion, token = page_of(session, orders, size, token, **more)
        assert portion
        found += portion
    return found


@given(ROWS, ORDERS, st.none() | CLAUSES, st.integers(1, 3))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pages_together_are_the_whole(
    scratch: Scratch, rows: list[Row], orders: list[Order], clause: Any, size: int
) -> None:
    asked = [str(each) for each in orders]
    text = "" if clause is None else str(clause)
    with scratch() as session:
        store(session, rows)
        whole, token = page_of(session, asked, 100, filter=text)
        assert token is None
        assert walk(session, asked, size, filter=text) == whole


@given(ROWS, st.builds(Order, METRIC_KEYS, st.booleans()), st.integers(1, 3))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pages_by_offset_are_the_same(
    scratch: Scratch, rows: list[Row], order: Order, size: int
) -> None:
    """Where the last row's values are too long for a token."""
    with scratch() as session, pytest.MonkeyPatch.context() as patch:
        store(session, rows)
        by_values = walk(session, [str(order)], size)
        patch.setattr(pages, "_MAX_TOKEN", 80)
        assert walk(session, [str(order)], size) == by_values


ORDERED = {
    "start_time DESC": lambda number: Row(number, start_time=100 - number),
    "end_time ASC": lambda number: Row(number, end_time=number),
    "run_name DESC": lambda number: Row(number, run_name=chr(200 - number)),
    "params.a ASC": lambda number: Row(number, params={"a": f"{number:03}"}),
    "tags.a DESC": lambda number: Row(number, tags={"a": f"{100 - number:03}"}),
    "metrics.a ASC": lambda number: Row(number, metrics={"a": Summary(float(number))}),
    "max(metrics.a) DESC": lambda number: Row(number, metrics={"a": Summary(0, max=-number)}),
    "metrics.none ASC": lambda number: Row(number, start_time=100 - number),
}


@pytest.mark.parametrize("order", ORDERED)
def test_rows_that_come_and_go_neither_double_nor_hide_others(scratch: Scratch, order: str) -> None:
    made = {number: ORDERED[order](number) for number in range(1, 18)}
    begin = [made[number] for number in range(3, 15)]
    with scratch() as session:
        store(session, begin)
        found, token = page_of(session, [order], 4)
        assert found == [made[number].run_id for number in (3, 4, 5, 6)]
        # Others before it and after it, and what it ended with is gone.
        store(session, [made[number] for number in (1, 2, 15, 16, 17)])
        session.execute(delete(Run).where(Run.run_id == made[6].run_id))
        rest = []
        while token is not None:
            portion, token = page_of(session, [order], 4, token)
            rest += portion
        assert rest == [made[number].run_id for number in range(7, 18)]


@pytest.mark.parametrize("order", ["start_time DESC", "metrics.a ASC", "max(metrics.a) DESC"])
def test_a_late_page_costs_what_the_first_costs(scratch: Scratch, order: str) -> None:
    with scratch() as session:
        if session.get_bind().dialect.name != "sqlite":
            pytest.skip("SQLite counts its steps, PostgreSQL does not")
        store(session, [replace(ORDERED[order](number), run_name="") for number in range(600)])
        costs = []
        token = None
        for _ in range(50):
            with steps(session) as counted:
                _, token = page_of(session, [order], 10, token)
            costs.append(len(counted))
        assert costs[49] < 1.5 * max(costs[:3])


@contextmanager
def steps(session: Session) -> Iterator[list[None]]:
    """One entry for each ten steps of SQLite's machine."""
    counted: list[None] = []
    connection: Any = session.connection().connection.dbapi_connection
    connection.set_progress_handler(lambda: counted.append(None), 10)
    yield counted
    connection.set_progress_handler(None, 0)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param([["x"], [0], ["x"]], id="a text for a number"),
        pytest.param([[0.5], [0.5], ["x"]], id="a fraction for a time"),
        pytest.param([[0.5], [True], ["x"]], id="true for a time"),
        pytest.param([[0.5], [2**63], ["x"]], id="too large a number"),
        pytest.param([[0.5], [None], ["x"]], id="NaN for a time"),
        pytest.param([[0.5], [0], [1]], id="a number for a text"),
        pytest.param([[math.nan], [0], ["x"]], id="NaN as itself"),
        pytest.param([[0.5, 0.5], [0], ["x"]], id="two values"),
        pytest.param([[0.5], [0]], id="too few"),
        pytest.param([0.5, 0, "x"], id="no lists"),
        pytest.param({"a": 1}, id="an object"),
    ],
)
def test_a_position_that_the_columns_cannot_hold_is_none(told: object) -> None:
    assert read_position(compile_order(["metrics.a ASC"], RUNS), told) is None


def test_a_text_that_no_database_takes_is_refused() -> None:
    with pytest.raises(BadRequest, match="page_token"):
        read_position(compile_order(["metrics.a ASC"], RUNS), [[0.5], [0], ["\0"]])


def test_a_token_holds_for_its_search_only(scratch: Scratch) -> None:
    with scratch() as session:
        store(session, [Row(number, metrics={"a": Summary(0.5)}) for number in range(3)])
        _, token = page_of(session, ["metrics.a ASC"], 1)
        assert token
        told = json.loads(base64.urlsafe_b64decode(token))
        assert told["after"] == [[0.5], [0], [f"{0:032x}"]]
        with pytest.raises(BadRequest, match="belongs to another search"):
            page_of(session, ["metrics.a DESC"], 1, token)
        with pytest.raises(BadRequest, match="belongs to another search"):
            page_of(session, ["metrics.a ASC"], 1, token, filter="metrics.a > 0")
        for changed in ({"after": [[0.25], [0], ["x"]]}, {"offset": 2}, {"offset": -1}):
            text = json.dumps(told | changed)
            with pytest.raises(BadRequest, match="belongs to another search"):
                page_of(
                    session,
                    ["metrics.a ASC"],
                    1,
                    base64.urlsafe_b64encode(text.encode()).decode(),
                )
        for nonsense in ("x", "e30=", "W10=", token[:-8]):
            with pytest.raises(BadRequest, match="not made by this server"):
                page_of(session, ["metrics.a ASC"], 1, nonsense)


def test_values_too_long_for_an_address_are_not_in_the_token(scratch: Scratch) -> None:
    made = [Row(number, params={"a": "é" * 3000 + str(number)}) for number in range(5)]
    with scratch() as session:
        store(session, made)
        _, token = page_of(session, ["params.a DESC"], 2)
        assert token is not None
        assert len(token) < 200
        assert walk(session, ["params.a DESC"], 2) == [row.run_id for row in reversed(made)]
