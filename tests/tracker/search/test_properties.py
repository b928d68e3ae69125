"""The search language against random filters and random runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from podium.tracker.experiments import EXPERIMENTS
from podium.tracker.logged_models.search import LOGGED_MODELS
from podium.tracker.models import Run
from podium.tracker.runs.search import RUNS
from podium.tracker.search import (
    InvalidSearch,
    compile_filter,
    compile_order,
    parse_filter,
    parse_order,
    search_page,
)
from podium.tracker.search.syntax import Clause, Key, Order, Value
from sqlalchemy import select
from sqlalchemy.orm import Session

from .rows import Row, Summary, matches, place_of, store
from .strategies import KEYS, METRICS, NUMBERS, TEXTS, combined, comparisons

Scratch = Callable[[], AbstractContextManager[Session]]

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
DATASET_KEYS = st.builds(
    Key,
    st.sampled_from(["dataset", "datasets"]),
    st.sampled_from(["name", "digest", "context"]),
)
COMPARISONS = st.one_of(
    comparisons(DATASET_KEYS, TEXTS.map(Value), text=True),
    comparisons(METRIC_KEYS, NUMBERS.map(Value), text=False),
    comparisons(TIME_KEYS, NUMBERS.map(Value), text=False),
    comparisons(TEXT_KEYS, TEXTS.map(Value), text=True),
)


CLAUSES: SearchStrategy[Clause] = st.recursive(COMPARISONS, combined, max_leaves=6)

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
        datasets=st.lists(
            st.tuples(TEXTS, TEXTS, st.none() | TEXTS), max_size=3, unique_by=lambda each: each[:2]
        ),
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
            "datasets.name",
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
        for entity in (RUNS, EXPERIMENTS, LOGGED_MODELS):
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
@settings(max_examples=200)
def test_the_database_finds_what_python_finds(
    scratch: Scratch, rows: list[Row], clause: Clause
) -> None:
    with scratch() as session:
        store(session, rows)
        found = session.scalars(select(Run.run_id).where(compile_filter(str(clause), RUNS)))
        assert sorted(found) == sorted(row.run_id for row in rows if matches(clause, row.values))


ORDERS = st.lists(
    st.builds(Order, st.one_of(METRIC_KEYS, TEXT_KEYS, TIME_KEYS), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda order: RUNS.find(order.key).name,
)


@given(ROWS, ORDERS)
@settings(max_examples=200)
def test_the_database_sorts_as_python_sorts(
    scratch: Scratch, rows: list[Row], orders: list[Order]
) -> None:
    def place(row: Row) -> list[tuple[object, ...]]:
        return [
            *(place_of(row.value(each.key), descending=each.descending) for each in orders),
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
