"""What goes by which clock, and that one which is put forward or back does no harm.

With real processes whose clocks are put: tests/faults/test_clocks.py.
"""

from __future__ import annotations

import time

import pytest
from podium.client.errors import TooManyRequests, Unavailable
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth.throttle import Attempts, Limit
from podium.tracker.clock import Shared, is_over, now_ms
from podium.tracker.db import Database
from podium.tracker.storage import gc, retention, trash
from podium.tracker.storage.clocks import check_clocks

_DAY_MS = 86_400_000


@pytest.fixture
def put_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's clock, by a day; its monotonic one goes on."""
    right = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: right() + _DAY_MS * 1_000_000)
    monkeypatch.setattr(time, "time", lambda: right() / 1e9 + _DAY_MS / 1000)


def test_what_lies_further_ahead_than_it_can_is_over() -> None:
    assert is_over(99, 100, longest=10)
    assert not is_over(101, 100, longest=10)
    assert not is_over(110, 100, longest=10)
    assert is_over(111, 100, longest=10)


def test_a_shared_clock_goes_on_while_its_database_is_away() -> None:
    told = [5_000_000]

    def read() -> int:
        if told:
            return told.pop()
        raise Unavailable("away")

    clock = Shared(read)
    first = clock.now_ms()
    time.sleep(0.02)
    assert 5_000_000 <= first < clock.now_ms() < 5_060_000


def test_without_any_answer_it_is_this_machines() -> None:
    def read() -> int:
        raise Unavailable("away")

    assert abs(Shared(read).now_ms() - now_ms()) < 5_000


@pytest.mark.usefixtures("put_forward")
def test_who_guesses_passwords_gains_nothing_by_the_clock() -> None:
    attempts = Attempts(Limit(1 / 30, 1), Limit(1, 100), Limit(1, 100))
    attempts.take("ada", "here")
    with pytest.raises(TooManyRequests):
        attempts.take("ada", "here")


def test_a_database_says_what_time_it_is(db: Database) -> None:
    assert abs(db.now_ms() - now_ms()) < 5_000
    check_clocks(db)


@pytest.mark.usefixtures("put_forward")
def test_nothing_is_removed_while_clocks_disagree(db: Database, store: ArtifactStore) -> None:
    if db.dialect == "sqlite":
        pytest.skip("SQLite has no clock of its own to compare with")
    refused = "24.0 hours ahead of the database's, so nothing is removed"
    with pytest.raises(Unavailable, match=refused):
        trash.empty(db)
    with pytest.raises(Unavailable, match=refused):
        retention.apply(db)
    with pytest.raises(Unavailable, match=refused):
        gc.sweep(db, store)
