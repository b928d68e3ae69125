"""Logged models against random filters, orders and data sets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from podium.tracker.db import Database
from podium.tracker.logged_models import OnDataset, OrderTerm, search_models
from podium.tracker.logged_models.search import LOGGED_MODELS
from podium.tracker.logged_models.tables import (
    LoggedModel,
    LoggedModelMetric,
    LoggedModelParam,
    LoggedModelTag,
)
from podium.tracker.models import Run
from podium.tracker.search import Key
from podium.tracker.search.syntax import Clause, Value
from sqlalchemy.orm import Session

from .rows import Found, matches, place_of
from .strategies import KEYS, METRICS, NUMBERS, TEXTS, combined, comparisons

Scratch = Callable[[], AbstractContextManager[Session]]

DATASETS = st.builds(OnDataset, st.sampled_from("ab"), st.sampled_from(["", "1", "2"]))


@dataclass(frozen=True)
class Point:
    key: str
    value: float
    timestamp: int
    step: int
    dataset: OnDataset


@dataclass(frozen=True)
class Row:
    number: int
    name: str
    status: str
    creation_timestamp: int
    model_type: str | None
    source_run_id: str | None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: Sequence[Point] = ()

    @property
    def model_id(self) -> str:
        return f"m-{self.number:032x}"

    def values(self, key: Key, only: Sequence[OnDataset] = ()) -> Sequence[Found]:
        """The values at ``key``, of a metric those on one of ``only``; the latest comes last."""
        found = LOGGED_MODELS.find(key)
        if found.scope == "metric":
            points = sorted(self.points, key=lambda point: (point.timestamp, point.step))
            return [
                point.value
                for point in points
                if point.key == found.name and _is_on(point.dataset, only)
            ]
        if found.scope in ("param", "tag"):
            pairs = self.params if found.scope == "param" else self.tags
            return [pairs[found.name]] if found.name in pairs else []
        value: Found | None = getattr(self, found.name)
        return [] if value is None else [value]

    def place(self, terms: Sequence[OrderTerm]) -> list[object]:
        place: list[object] = []
        for term in terms:
            scope, dot, name = term.field_name.partition(".")
            key = Key(scope, name) if dot else Key(None, scope)
            values = self.values(key, () if term.dataset is None else (term.dataset,))
            value = values[-1] if values else None
            place.append(place_of(value, descending=not term.ascending))
        return [*place, -self.creation_timestamp, self.model_id]


def _is_on(dataset: OnDataset, only: Sequence[OnDataset]) -> bool:
    return not only or any(
        dataset.name == each.name and each.digest in ("", dataset.digest) for each in only
    )


POINTS = st.builds(
    Point, KEYS, METRICS, st.integers(0, 2), st.integers(0, 2), DATASETS | st.just(OnDataset(""))
)
ROWS = st.lists(
    st.builds(
        Row,
        number=st.integers(0, 2**64),
        name=TEXTS,
        status=st.sampled_from(["PENDING", "READY", "FAILED"]),
        creation_timestamp=st.integers(0, 2),
        model_type=st.none() | TEXTS,
        source_run_id=st.none() | TEXTS,
        params=st.dictionaries(KEYS, TEXTS, max_size=3),
        tags=st.dictionaries(KEYS, TEXTS, max_size=3),
        points=st.lists(
            POINTS,
            max_size=6,
            unique_by=lambda each: (each.key, each.timestamp, each.step, each.dataset),
        ),
    ),
    max_size=5,
    unique_by=lambda row: row.number,
)
METRIC_KEYS = st.builds(Key, st.sampled_from(["metrics", "metric"]), KEYS)
TEXT_KEYS = st.builds(Key, st.sampled_from(["params", "tags"]), KEYS) | st.builds(
    Key,
    st.sampled_from([None, "attributes"]),
    st.sampled_from(["name", "status", "model_type", "source_run_id"]),
)
TIME_KEYS = st.builds(Key, st.none(), st.just("creation_timestamp"))
CLAUSES: SearchStrategy[Clause] = st.recursive(
    st.one_of(
        comparisons(METRIC_KEYS, NUMBERS.map(Value), text=False),
        comparisons(TIME_KEYS, NUMBERS.map(Value), text=False),
        comparisons(TEXT_KEYS, TEXTS.map(Value), text=True),
    ),
    combined,
    max_leaves=4,
)
TERMS = st.lists(
    st.builds(OrderTerm, KEYS.map("metrics.{}".format), st.booleans(), st.none() | DATASETS)
    | st.builds(
        OrderTerm, st.sampled_from(["name", "model_type", "creation_timestamp"]), st.booleans()
    ),
    max_size=3,
    unique_by=lambda term: (term.field_name, term.dataset),
)


@given(ROWS, st.none() | CLAUSES, st.lists(DATASETS, max_size=2), TERMS)
@settings(max_examples=200)
def test_the_database_finds_and_sorts_as_python_does(
    scratch: Scratch,
    rows: list[Row],
    clause: Clause | None,
    datasets: list[OnDataset],
    terms: list[OrderTerm],
) -> None:
    with scratch() as session:
        _store(session, rows)
        page = search_models(
            cast(Database, _Transaction(session)),
            experiment_ids=["0", "77"],
            filter="" if clause is None else str(clause),
            datasets=datasets,
            order_by=terms,
        )
    expected = [
        row
        for row in rows
        if (clause is None or matches(clause, partial(row.values, only=datasets)))
        and (not datasets or any(_is_on(point.dataset, datasets) for point in row.points))
    ]
    expected.sort(key=lambda row: row.place(terms))
    assert [model.model_id for model in page.items] == [row.model_id for row in expected]


class _Transaction:
    """A database, as a service sees it, whose every transaction is the one that is rolled back."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        yield self._session


def _store(session: Session, rows: list[Row]) -> None:
    run = Run(
        run_id="f" * 32, experiment_id=0, name="", status="RUNNING", start_time=0, artifact_uri=""
    )
    session.add(run)
    session.flush()
    for row in rows:
        model = LoggedModel(
            model_id=row.model_id,
            experiment_id=0,
            name=row.name,
            status=row.status,
            model_type=row.model_type,
            source_run_id=row.source_run_id,
            artifact_uri="",
            creation_time=row.creation_timestamp,
            last_update_time=0,
        )
        session.add(model)
        session.flush()
        for key, value in row.params.items():
            session.add(LoggedModelParam(model=model.id, key=key, value=value))
        for key, value in row.tags.items():
            session.add(LoggedModelTag(model=model.id, key=key, value=value))
        for point in row.points:
            session.add(
                LoggedModelMetric(
                    model=model.id,
                    run=run.id,
                    key=point.key,
                    value=None if math.isnan(point.value) else point.value,
                    timestamp=point.timestamp,
                    step=point.step,
                    dataset_name=point.dataset.name,
                    dataset_digest=point.dataset.digest,
                )
            )
            session.flush()  # one by one: by id in their order
