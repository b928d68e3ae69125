"""Compaction: nothing is lost, nothing doubled, whenever it ends and whoever looks."""

from __future__ import annotations

import math
import struct
import threading
from array import array
from collections.abc import Sequence

import pytest
from podium.client import wire
from podium.tracker.db import Database
from podium.tracker.metrics import (
    Window,
    append_batch,
    blocks,
    compact,
    compact_run,
    history,
    read_series,
)
from podium.tracker.metrics.tables import MetricBatch, MetricBlock, MetricSummary, MetricWriter
from podium.tracker.models import Run
from sqlalchemy import func, select, update

from ...crashing import crashes

WRITER = b"the writer's id."


def batch(sequence: int, first: int, count: int, keys: Sequence[str] = ("loss", "acc")) -> bytes:
    steps = array("q", range(first, first + count))
    series = tuple(
        wire.Series(
            key,
            steps.tobytes(),
            array("q", (1000 + step for step in steps)).tobytes(),
            array("d", (step / 7 if step % 5 else math.nan for step in steps)).tobytes(),
        )
        for key in keys
    )
    return wire.encode(wire.Batch(WRITER, sequence, series))


def log(db: Database, run: int, data: bytes) -> bool:
    with db.writing() as session:
        session.scalar(select(Run.id).where(Run.id == run).with_for_update(read=True))
        return append_batch(session, run, data)[1]


def steps(db: Database, run: int, key: str = "loss") -> list[int]:
    with db.reading() as session:
        found = read_series(session, run, [key])
        return found[key].steps.tolist() if found else []


def count(db: Database, table: type) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_batches_become_blocks_and_read_the_same(db: Database, run: int) -> None:
    for number in range(10):
        assert log(db, run, batch(number, number * 100, 100))
    with db.reading() as session:
        before = history(session, run, "acc")
        raw = read_series(session, run, ["loss"])["loss"]
    assert compact_run(db, run) == 10
    assert compact_run(db, run) == 0
    with db.reading() as session:
        after = history(session, run, "acc")
        assert read_series(session, run, ["loss"])["loss"].values.tobytes() == raw.values.tobytes()
    assert after.values.tobytes() == before.values.tobytes()
    assert count(db, MetricBatch) == 0
    assert count(db, MetricBlock) == 2
    log(db, run, batch(10, 1000, 5))
    assert steps(db, run) == list(range(1005)), "what came since is read behind the blocks"


def test_a_resend_is_known_after_compaction(db: Database, run: int) -> None:
    for number in (0, 1, 2, 5, 2**64 - 1):
        log(db, run, batch(number, number % 100 * 10, 10))
    compact_run(db, run)
    assert [log(db, run, batch(number, 0, 10)) for number in (0, 1, 2, 5, 2**64 - 1)] == [False] * 5
    assert log(db, run, batch(3, 30, 10))
    assert log(db, run, batch(4, 40, 10))
    assert not log(db, run, batch(4, 40, 10))
    compact_run(db, run)
    assert not log(db, run, batch(3, 30, 10))
    assert count(db, MetricWriter) == 2, "0 to 5 have become one range"
    with db.reading() as session:
        assert session.scalar(select(MetricSummary.points).limit(1)) == 70


def test_blocks_grow_and_stay_few(db: Database, run: int) -> None:
    for number in range(200):
        log(db, run, batch(number, number * 10, 10, ["loss"]))
        if number % 4 == 3:
            compact_run(db, run)
    assert count(db, MetricBlock) <= 8
    assert steps(db, run) == list(range(2000))


def test_a_block_has_a_largest_size(
    db: Database, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MAX_POINTS", 64)
    log(db, run, batch(0, 0, 200, ["loss"]))
    compact_run(db, run)
    log(db, run, batch(1, 200, 30, ["loss"]))
    compact_run(db, run)
    assert steps(db, run) == list(range(230))
    with db.reading() as session:
        sizes = session.scalars(select(MetricBlock.points).order_by(MetricBlock.id)).all()
    assert max(sizes) <= 64
    assert sum(sizes) == 230


def test_only_runs_with_enough_are_compacted(db: Database, run: int) -> None:
    log(db, run, batch(0, 0, 10))
    assert compact(db) == 0
    with db.writing() as session:
        session.execute(update(MetricBatch).values(received=1))
    assert compact(db) == 1, "what is old is compacted, however little it is"


def test_ten_thousand_keys(db: Database, run: int) -> None:
    keys = [f"layer/{number}" for number in range(10_000)]
    log(db, run, batch(0, 0, 2, keys))
    log(db, run, batch(1, 2, 1, keys[:3000]))
    assert compact_run(db, run) == 2
    assert steps(db, run, "layer/2999") == [0, 1, 2]
    assert steps(db, run, "layer/9999") == [0, 1]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (Window(first_step=95), range(95, 300)),
        (Window(last_step=5), range(6)),
        (Window(150, 160), range(150, 161)),
        (Window(first_timestamp=1250, last_timestamp=1260), range(250, 261)),
        (Window(first_step=1000), range(0)),
    ],
)
def test_a_window_is_cut_from_blocks_and_batches(
    db: Database, run: int, window: Window, expected: range
) -> None:
    log(db, run, batch(0, 0, 200))
    compact_run(db, run)
    log(db, run, batch(1, 200, 100))
    with db.reading() as session:
        found = read_series(session, run, ["loss"], window)
    assert (found["loss"].steps.tolist() if found else []) == list(expected)


def test_writers_readers_and_two_workers_at_once(db: Database, run: int) -> None:
    done = threading.Event()
    failures: list[BaseException] = []

    def repeat(action: object) -> None:
        try:
            while not done.is_set():
                action()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001  (shown below)
            failures.append(error)

    def read() -> None:
        found = steps(db, run)
        assert found == list(range(len(found)))

    threads = [
        threading.Thread(target=repeat, args=(action,))
        for action in (lambda: compact_run(db, run), lambda: compact_run(db, run), read)
    ]
    for thread in threads:
        thread.start()
    stored_twice = []
    for number in range(150):
        log(db, run, batch(number, number * 10, 10))
        if log(db, run, batch(number, number * 10, 10)):
            stored_twice.append(number)
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert stored_twice == []
    assert steps(db, run) == list(range(1500))


_CRASHING = """
from podium.tracker.db import Database
from podium.tracker.metrics import compact_run
compact_run(Database(sys.argv[1], pool_size=1), int(sys.argv[2]), step=step)
"""


def test_a_crash_at_any_step_loses_and_doubles_nothing(
    db: Database, database_url: str, run: int
) -> None:
    for number in range(5):
        log(db, run, batch(number, number * 100, 100))
    compact_run(db, run)
    for number in range(5, 10):
        log(db, run, batch(number, number * 100, 100))
    points = []
    for point in crashes(_CRASHING, database_url, str(run)):
        points.append(point)
        assert steps(db, run) == list(range(1000))
        assert not any(log(db, run, batch(number, 0, 1)) for number in range(10))
    assert len(points) == 6
    assert steps(db, run) == list(range(1000))
    assert count(db, MetricBatch) == 0


def test_extremes_come_back_bit_for_bit(db: Database, run: int) -> None:
    values = struct.pack("<8d", 0.0, -0.0, 5e-324, math.inf, -math.inf, math.nan, 1.7e308, 0.1)
    whole = struct.pack("<8q", -(2**63), 2**63 - 1, 0, 0, -1, 5, 4, 4)
    times = struct.pack("<8q", *[0, 2**63 - 1] * 4)
    data = wire.encode(wire.Batch(WRITER, 0, (wire.Series("θ", whole, times, values),)))
    log(db, run, data)
    for _ in range(2):
        with db.reading() as session:
            found = read_series(session, run, ["θ"])["θ"]
        assert found.values.tobytes() == values
        assert found.steps.tobytes() == whole
        assert found.timestamps.tobytes() == times
        compact_run(db, run)
