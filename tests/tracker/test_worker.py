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


def test_a_job_alone_waits_for_no_other() -> None:
    stop, often = threading.Event(), threading.Event()
    slow = Job("slow", 3600, lambda: often.wait(30))
    turns: list[str] = []

    def quick() -> None:
        turns.append("quick")
        if len(turns) == 3:
            often.set()
            stop.set()

    work((slow, Job("quick", 0.01, quick, alone=True)), stop)
    assert len(turns) == 3


def test_what_a_job_has_begun_is_waited_for() -> None:
    finished: list[str] = []
    job = Job("a", 1, lambda: None, finish=lambda: finished.append("a"))
    stop = threading.Event()
    stop.set()
    work((job,), stop)
    assert do_once((job,))
    assert finished == ["a", "a"]


def test_a_job_that_fails_often_is_not_tried_often() -> None:
    stop = threading.Event()
    turns: list[str] = []

    def fail() -> None:
        turns.append("fail")
        raise Unavailable("the database is away")

    threading.Timer(0.6, stop.set).start()
    work((Job("failing", 0.01, fail),), stop)
    assert turns == ["fail"]
