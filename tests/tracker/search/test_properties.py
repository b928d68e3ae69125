"""The search language against random filters and random runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from podium.tracker.models import Run
from podium.tracker.search import (
    EXPERIMENTS,
    RUNS,
    InvalidSearch,
    compile_filter,
    compile_order,
    parse_filter,
    parse_order,
    search_page,
)
from podium.tracker.search.syntax import (
    And,
    Clause,
    Comparison,
    Key,
    Not,
    Operator,
    Or,
    Order,
    Value,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from .rows import Found, Row, Summary, look_up, matches, store

Scratch = Callable[[], AbstractContextManager[Session]]

# Few values, so that filters hit; é has no other case here, for ILIKE folds é on some databases.
TEXTS = st.text("aAb%_\\'\"`é\n", max_size=3)
NUMBERS = st.sampled_from([0, 1, -1, 2, 0.5, -0.0, 1e-9, 1e300, math.inf, -math.inf, 10**17])
METRICS = NUMBERS.map(float) | st.just(math.nan)
KEYS = st.sampled_from(["a", "b", "a b", "val/loss", "in"])

_WORDS = [Operator.LIKE, Operator.NOT_LIKE, Operator.ILIKE, Operator.NOT_ILIKE]
_COMPARE = [each for each in Operator if each[0] in "=!<>"]


def _comparisons(
    keys: SearchStrategy[Key], literals: SearchStrategy[Value], *, text: bool
) -> SearchStrategy[Comparison]:
    one = literals.map(lambda value: (value,))
    equality = [Operator.EQUAL, Operator.NOT_EQUAL]
    kinds = [
        st.builds(Comparison, keys, st.sampled_from(equality if text else _COMPARE), one),
        st.builds(
            Comparison,
            keys,
            st.sampled_from([Operator.IN, Operator.NOT_IN]),
            st.lists(literals, min_size=1, max_size=3).map(tuple),
        ),
        st.builds(Comparison, keys, st.sampled_from([Operator.IS_NULL, Operator.IS_NOT_NULL])),
    ]
    if text:
        kinds.append(st.builds(Comparison, keys, st.sampled_from(_WORDS), one))
    else:
        between = st.sampled_from([Operator.BETWEEN, Operator.NOT_BETWEEN])
        kinds.append(st.builds(Comparison, keys, between, st.tuples(literals, literals)))
    return st.one_of(kinds)


METRIC_KEYS = st.builds(
    Key, st.just("metrics"), KEYS, st.sampled_from([None, "min", "max", "first", "last"])
)
TEXT_KEYS = st.one_of(
    st.builds(Key, st.sampled_from(["params", "param", "parameter", "tags", "tag"]), KEYS),
    st.builds(Key, st.sampled_from([None, "attributes"]), st.sampled_from(["run_name", "status"])),
)
TIME_KEYS = st.builds(
    Key, st.sampled_from([None, "attr", "run"]), st.sampled_from(["start_time", "end_time"])
)
COMPARISONS = st.one_of(
    _comparisons(METRIC_KEYS, NUMBERS.map(Value), text=False),
    _comparisons(TIME_KEYS, NUMBERS.map(Value), text=False),
    _comparisons(TEXT_KEYS, TEXTS.map(Value), text=True),
)


def _combined(inner: SearchStrategy[Clause]) -> SearchStrategy[Clause]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, inner), st.builds(And, several), st.builds(Or, several))


CLAUSES: SearchStrategy[Clause] = st.recursive(COMPARISONS, _combined, max_leaves=6)

ROWS = st.lists(
    st.builds(
        Row,
        number=st.integers(0, 2**64),
        run_name=TEXTS,
        status=st.sampled_from(["RUNNING", "FINISHED"]),
        start_time=st.integers(0, 2),
        end_time=st.none() | st.integers(0, 2) | st.just(10**17),
        params=st.dictionaries(KEYS, TEXTS, max_size=3),
        tags=st.dictionaries(KEYS, TEXTS, max_size=3),
        metrics=st.dictionaries(KEYS, st.builds(Summary, METRICS, METRICS, METRICS, METRICS)),
    ),
    max_size=6,
    unique_by=lambda row: row.number,
)


@given(CLAUSES)
def test_printed_and_parsed_again_is_the_same(clause: Clause) -> None:
    assert parse_filter(str(clause)) == clause


@given(st.text(max_size=60))
def test_any_text_parses_stably_or_is_refused(text: str) -> None:
    try:
        clause = parse_filter(text)
    except InvalidSearch as error:
        assert 0 <= error.offset <= len(text)
    else:
        assert clause is None or parse_filter(str(clause)) == clause


SOUP = st.lists(
    st.sampled_from(
        [
            "metrics.a",
            "params.`b",
            "c`",
            "tags.'d'",
            "start_time",
            "experiment_id",
            "name",
            "nope.x",
            "max",
            "min(",
            "first",
            "(",
            ")",
            ",",
            "=",
            "!=",
            "<",
            ">=",
            "<>",
            "like",
            "ILIKE",
            "In",
            "between",
            "AND",
            "or",
            "NOT",
            "is",
            "null",
            "exists(",
            "asc",
            "DESC",
            "1",
            "-2.5e9",
            "1e999",
            "'1'",
            "'a%'",
            '"b"',
            "'a\\'",
            "'",
            '"',
            "`",
            ".",
            ";",
            "--",
            "/*",
            "\x00",
            "�",
            "é",
            "99999999999999999999",
            "::int",
            "$1",
            ":x",
            "%s",
            "?",
        ]
    ),
    max_size=9,
).map(" ".join)


@given(SOUP)
@settings(max_examples=300)
def test_word_soup_is_refused_or_runs(scratch: Scratch, soup: str) -> None:
    with scratch() as session:
        for entity in (RUNS, EXPERIMENTS):
            try:
                condition = compile_filter(soup, entity)
            except InvalidSearch as error:
                assert 0 <= error.offset <= len(soup)
            else:
                session.execute(select(entity.id).where(condition)).all()
            try:
                ordering = compile_order([soup], entity)
            except InvalidSearch as error:
                assert 0 <= error.offset <= len(soup)
            else:
                statement = select(entity.id)
                for join in ordering.joins:
                    statement = statement.outerjoin(join.table, join.on)
                session.execute(statement.order_by(*ordering.order_by)).all()


@given(ROWS, CLAUSES)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_the_database_finds_what_python_finds(
    scratch: Scratch, rows: list[Row], clause: Clause
) -> None:
    with scratch() as session:
        store(session, rows)
        found = session.scalars(select(Run.run_id).where(compile_filter(str(clause), RUNS)))
        assert sorted(found) == sorted(row.run_id for row in rows if matches(clause, row))


def _place(found: Found, *, descending: bool) -> tuple[object, ...]:
    """Where a value sorts: numbers and texts, then NaN, then nothing, in both directions."""
    if found is None:
        return (2,)
    if isinstance(found, float) and math.isnan(found):
        return (1,)
    if isinstance(found, str):
        points = [ord(character) for character in found]
        return (0, [-point for point in points] + [1] if descending else points)
    return (0, -found if descending else found)


ORDERS = st.lists(
    st.builds(Order, st.one_of(METRIC_KEYS, TEXT_KEYS, TIME_KEYS), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda order: RUNS.find(order.key).name,
)


@given(ROWS, ORDERS)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_the_database_sorts_as_python_sorts(
    scratch: Scratch, rows: list[Row], orders: list[Order]
) -> None:
    def place(row: Row) -> list[tuple[object, ...]]:
        return [
            *(_place(look_up(each.key, row), descending=each.descending) for each in orders),
            (-row.start_time,),
            (row.run_id,),
        ]

    with scratch() as session:
        store(session, rows)
        found, token = search_page(
            session,
            RUNS,
            select(Run),
            filter="",
            order_by=[str(each) for each in orders],
            max_results=100,
            page_token=None,
            scope=(),
        )
        assert token is None
        assert [run.run_id for run in found] == [row.run_id for row in sorted(rows, key=place)]


@given(st.builds(Order, st.one_of(METRIC_KEYS, TEXT_KEYS, TIME_KEYS), st.booleans()))
def test_a_printed_order_is_the_same(order: Order) -> None:
    assert parse_order(str(order)) == order
