"""Appending points: stored once, summarised as a reader of all of them would."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from podium.client import wire
from podium.client.entities import Metric
from podium.client.errors import BadRequest
from podium.tracker.db import Database
from podium.tracker.metrics import (
    PointTable,
    append_batch,
    append_points,
    history,
    read_series,
)
from podium.tracker.metrics.tables import MetricSummary
from podium.tracker.models import Run
from sqlalchemy import delete, select, update

_POINTS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
        st.integers(0, 2**63 - 1) | st.integers(0, 2),
        st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 5e-324]),
    ),
    min_size=1,
    max_size=20,
)


def _batch(
    key: str, points: Sequence[tuple[int, int, float]], *, sequence: int = 0, writer: bytes = b"w"
) -> bytes:
    steps, timestamps, values = zip(*points, strict=True)
    series = wire.Series(
        key,
        array("q", steps).tobytes(),
        array("q", timestamps).tobytes(),
        array("d", values).tobytes(),
    )
    return wire.encode(wire.Batch(writer.ljust(16), sequence, (series,)))


def _bits(values: Sequence[float]) -> list[bytes]:
    return [np.float64(value).tobytes() for value in values]


def _rank(point: tuple[int, int, float]) -> tuple[int, int, float]:
    step, timestamp, value = point
    return step, timestamp, 0.0 if math.isnan(value) else value


@settings(max_examples=40)
@given(batches=st.lists(_POINTS, min_size=1, max_size=4))
def test_points_come_back_as_logged_and_the_summary_is_theirs(
    db: Database, run: int, batches: list[list[tuple[int, int, float]]]
) -> None:
    with db.writing() as session:
        session.execute(delete(MetricSummary))
        key = f"k{session.scalar(select(Run.start_time))}"
        session.execute(update(Run).values(start_time=Run.start_time + 1))
        for points in batches:
            sequence = int.from_bytes(np.random.default_rng().bytes(7), "little")
            assert append_batch(session, run, _batch(key, points, sequence=sequence))[1]
    flat = [point for points in batches for point in points]
    with db.reading() as session:
        columns = read_series(session, run, [key])[key]
        summary = session.get_one(MetricSummary, (run, key))
    assert columns.steps.tolist() == [step for step, _, _ in flat]
    assert columns.timestamps.tolist() == [timestamp for _, timestamp, _ in flat]
    assert _bits(columns.values.tolist()) == _bits([value for _, _, value in flat])

    numbers = [value for _, _, value in flat if not math.isnan(value)]
    assert summary.min_value == min(numbers, default=None)
    assert summary.max_value == max(numbers, default=None)
    assert summary.points == len(flat)
    last = max(flat, key=_rank)
    assert (summary.last_step, summary.last_timestamp) == last[:2]
    assert (summary.last_value or 0.0) == _rank(last)[2]
    assert (summary.first_step, summary.first_timestamp) == min(flat, key=lambda p: p[:2])[:2]


def test_a_batch_sent_again_changes_nothing(db: Database, run: int) -> None:
    data = _batch("loss", [(0, 1, 0.5), (1, 2, 0.25)])
    for new in (True, False, False):
        with db.writing() as session:
            assert append_batch(session, run, data) == (2, new)
    with db.reading() as session:
        assert len(read_series(session, run, ["loss"])["loss"]) == 2
        assert session.get_one(MetricSummary, (run, "loss")).points == 2


def test_writers_do_not_share_sequence_numbers(db: Database, run: int) -> None:
    with db.writing() as session:
        for writer in (b"one", b"two"):
            assert append_batch(session, run, _batch("loss", [(0, 1, 0.5)], writer=writer))[1]
        assert len(read_series(session, run, ["loss"])["loss"]) == 2


def test_every_sequence_number_of_64_bits_is_one_of_its_own(db: Database, run: int) -> None:
    with db.writing() as session:
        for sequence in (0, 2**63 - 1, 2**63, 2**64 - 1):
            assert append_batch(session, run, _batch("a", [(0, 0, 0.0)], sequence=sequence))[1]


def test_history_holds_each_distinct_point_once_in_order(db: Database, run: int) -> None:
    points = [(1, 20, math.nan), (0, 20, 2.0), (1, 20, math.nan), (0, 20, 2.0), (5, 10, 1.0)]
    with db.writing() as session:
        metrics = [Metric("a", value, ts, step) for step, ts, value in points]
        append_points(session, run, PointTable.of_metrics(metrics))
        columns = history(session, run, "a")
        assert columns.timestamps.tolist() == [10, 20, 20]
        assert columns.steps.tolist() == [5, 0, 1]
        assert columns.values.tolist()[:2] == [1.0, 2.0]
        assert math.isnan(columns.values[2])
        assert len(history(session, run, "no such key")) == 0


def test_many_keys_in_one_batch(db: Database, run: int) -> None:
    with db.writing() as session:
        metrics = [Metric(f"layer {n}/x", n, 0) for n in range(3000)]
        append_points(session, run, PointTable.of_metrics(metrics))
    with db.reading() as session:
        assert len(session.scalars(select(MetricSummary.key)).all()) == 3000


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_batch("a", [(0, -1, 0.0)]), "before 1970"),
        (_batch("../a", [(0, 0, 0.0)]), "plain path"),
        (_batch("a", [(0, 0, 0.0)], writer=bytes(16)), "writer id"),
    ],
)
def test_a_batch_with_a_fault_is_refused_whole(
    db: Database, run: int, data: bytes, says: str
) -> None:
    with pytest.raises(BadRequest, match=says), db.writing() as session:
        append_batch(session, run, data)
    with db.reading() as session:
        assert session.scalars(select(MetricSummary)).all() == []
