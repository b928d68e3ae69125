"""All points of a run, moved: bit for bit, in order, whatever compaction has done."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from podium.client import wire
from podium.client.entities import Metric
from podium.tracker.db import Database
from podium.tracker.metrics import (
    Columns,
    PointTable,
    append_batch,
    append_points,
    blocks,
    compact_run,
    whole,
)
from podium.tracker.metrics.tables import MetricBlock, MetricSummary
from sqlalchemy import select

from .conftest import new_run

_KEYS = ("a", "b/c", "é", "Z")
_POINT = st.tuples(
    st.sampled_from(_KEYS),
    st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
    st.integers(0, 2**63 - 1) | st.integers(0, 2),
    st.floats() | st.sampled_from([math.nan, -math.nan, math.inf, -math.inf, -0.0, 5e-324]),
)
# What a run goes through: a batch of a writer, points through MLflow's paths, a compaction.
_EVENTS = st.lists(
    st.tuples(st.sampled_from(["batch", "mlflow"]), st.lists(_POINT, min_size=1, max_size=8))
    | st.tuples(st.just("compact"), st.just([])),
    max_size=8,
)
Points = Sequence[tuple[str, int, int, float]]


def batch(points: Points, sequence: int) -> bytes:
    keys = dict.fromkeys(key for key, *_ in points)
    series = tuple(
        wire.Series(
            key,
            *(
                array(kind, [point[at] for point in points if point[0] == key]).tobytes()  # type: ignore[type-var]
                for at, kind in ((1, "q"), (2, "q"), (3, "d"))
            ),
        )
        for key in keys
    )
    return wire.encode(wire.Batch(b"the writer's id.", sequence, series))


def happen(db: Database, run: int, kind: str, points: Points, number: int) -> None:
    if kind == "compact":
        compact_run(db, run)
        return
    with db.writing() as session:
        if kind == "batch":
            append_batch(session, run, batch(points, number))
        else:
            metrics = [Metric(key, value, at, step) for key, step, at, value in points]
            append_points(session, run, PointTable.of_metrics(metrics))


def all_of(db: Database, run: int) -> dict[str, tuple[bytes, ...]]:
    with db.reading() as session:
        return {key: bits(pieces) for key, pieces in whole.series(session, run)}


def bits(pieces: object) -> tuple[bytes, ...]:
    points = Columns.join(list(pieces))  # type: ignore[call-overload]
    return tuple(each.tobytes() for each in (points.steps, points.timestamps, points.values))


def summaries(db: Database, run: int) -> list[tuple[object, ...]]:
    columns = [each for each in MetricSummary.__table__.columns if each.name != "run"]
    with db.reading() as session:
        rows = session.execute(
            select(*columns).where(MetricSummary.run == run).order_by(MetricSummary.key)
        )
        return sorted(tuple(row) for row in rows)


def copy(db: Database, source: int, target: int) -> None:
    with db.reading() as reading, db.writing() as writing:
        for key, pieces in whole.series(reading, source):
            whole.store(writing, target, key, pieces)


@settings(max_examples=30)
@given(events=_EVENTS)
def test_what_went_in_comes_out_and_goes_in_again(
    db: Database, events: list[tuple[str, Points]]
) -> None:
    run = new_run(db)
    expected: dict[str, list[Sequence[float]]] = {}
    for number, (kind, points) in enumerate(events):
        happen(db, run, kind, points, number)
        for key, *point in points:
            expected.setdefault(key, []).append(point)
    found = all_of(db, run)
    assert list(found) == sorted(expected)
    for key, points_of in expected.items():
        columns = zip(*points_of, strict=True)
        assert found[key] == tuple(
            array(kind, column).tobytes() for kind, column in zip("qqd", columns, strict=True)
        )
    other = new_run(db)
    copy(db, run, other)
    assert all_of(db, other) == found
    assert summaries(db, other) == summaries(db, run)


def test_points_that_do_not_fit_in_memory_together_are_read_in_turns(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(db)
    for number in range(5):
        points = [(key, step, step, step / 7) for key in "abcd" for step in range(number * 3, 9)]
        happen(db, run, "batch", points, number)
    expected = all_of(db, run)
    for held in (1, 25, 50):
        monkeypatch.setattr(whole, "MAX_HELD", held)
        assert all_of(db, run) == expected


def test_a_series_is_stored_in_full_blocks(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_POINTS", 10)
    run, other = new_run(db), new_run(db)
    for number, size in enumerate((3, 9, 1, 20, 2)):
        happen(db, run, "batch", [("a", step, 0, 0.5) for step in range(size)], number)
    copy(db, run, other)
    with db.reading() as session:
        sizes = session.scalars(
            select(MetricBlock.points).where(MetricBlock.run == other).order_by(MetricBlock.id)
        )
        assert list(sizes) == [10, 10, 10, 5]
    assert all_of(db, other) == all_of(db, run)


def test_batches_are_known_by_their_numbers_wherever_their_points_are(db: Database) -> None:
    run = new_run(db)
    for number in (0, 1, 2, 5):
        happen(db, run, "batch", [("a", 0, 0, 0.5)], number)
    with db.reading() as session:
        before = whole.writers(session, run)
    assert [(last - first) for _, first, last in before] == [2, 0]
    compact_run(db, run)
    happen(db, run, "batch", [("a", 0, 0, 0.5)], 3)
    happen(db, run, "mlflow", [("a", 0, 0, 0.5)], 0)
    with db.reading() as session:
        after = whole.writers(session, run)
    start = before[0][1]
    assert after == [
        (b"the writer's id.", start, start + 3),
        (b"the writer's id.", start + 5, start + 5),
    ]
