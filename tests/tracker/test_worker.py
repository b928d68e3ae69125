"""The background worker: every job has its turn, whatever the others do."""

from __future__ import annotations

import threading

from podium.client.errors import Unavailable
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.db import Database
from podium.tracker.worker import Job, do_once, jobs, work


def _fail() -> None:
    raise Unavailable("the disk is full")


def test_it_works(db: Database, store: ArtifactStore) -> None:
    assert do_once(jobs(db, store))


def test_a_job_that_fails_is_reported_and_stops_no_other() -> None:
    done: list[str] = []
    todo = (
        Job("expected", 1, _fail),
        Job("a bug", 1, lambda: 1 // 0),
        Job("fine", 1, lambda: done.append("fine")),
    )
    assert not do_once(todo)
    assert done == ["fine"]


def test_a_job_is_done_again_when_it_is_due_until_told_to_stop() -> None:
    stop = threading.Event()
    turns: list[str] = []

    def often() -> None:
        turns.append("often")
        if len(turns) > 3:
            stop.set()

    seldom = Job("seldom", 3600, lambda: turns.append("seldom"))
    work((seldom, Job("often", 0.01, often)), stop)
    assert turns.count("often") == 3
    assert turns.count("seldom") == 1
