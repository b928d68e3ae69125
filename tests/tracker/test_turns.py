"""When jobs were done last is written down, whatever became of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path

from podium.client.errors import Unavailable
from podium.tracker import turns
from podium.tracker.db import Database
from podium.tracker.state import read
from podium.tracker.turns import JobTurn, Turns
from podium.tracker.worker import Job, watched, work
from sqlalchemy import select, update

from ..services import free_ports
from ..services.podium import PODIUM, environment


def rows(db: Database) -> dict[str, JobTurn]:
    with db.reading() as session:
        return {row.job: row for row in turns.read(session)}


def test_a_worker_writes_down_what_it_did(db: Database) -> None:
    stop = threading.Event()

    def fail() -> None:
        raise Unavailable("the bucket is away")

    def end() -> None:
        if rows(db):
            stop.set()

    todo, ended = watched((Job("well", 60, bool), Job("ill", 60, fail), Job("end", 0.1, end)), db)
    work(todo, stop, ended)
    found = rows(db)
    assert set(found) == {"well", "ill", "end", "forget former jobs"}
    assert (found["well"].problem, found["ill"].problem) == ("", "the bucket is away")
    assert found["well"].every == 60


def test_a_failure_does_not_move_the_time_it_was_done(db: Database) -> None:
    told = Turns(db)
    told.ended("a", 5, "")
    told.write()
    with db.writing() as session:
        session.execute(update(JobTurn).values(done=JobTurn.done - 600_000))
    before = rows(db)["a"].done
    told.ended("a", 5, "away")
    told.write()
    after = rows(db)["a"]
    assert (after.done, after.problem) == (before, "away")
    with db.reading() as session:
        overdue = [g for g in read(session, before + 600_000) if g.labels.get("name") == "a"]
    assert [gauge.value for gauge in overdue] == [595.0]
    told.ended("a", 5, "")
    told.write()
    assert rows(db)["a"].done > before


def test_nothing_new_writes_nothing(db: Database) -> None:
    assert Turns(db).write() == 0


def test_jobs_that_are_no_more_are_forgotten(db: Database) -> None:
    told = Turns(db)
    told.ended("of an old version", 5, "")
    told.ended("a", 5, "")
    told.write()
    turns.forget(db, ["a"])
    assert set(rows(db)) == {"a"}


def test_two_workers_tell_of_the_same_jobs(db: Database) -> None:
    both = [Turns(db), Turns(db)]
    for told in both:
        for job in ("b", "a", "c"):
            told.ended(job, 5, "")
    threads = [threading.Thread(target=told.write) for told in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as session:
        assert len(session.scalars(select(JobTurn.job)).all()) == 3


def test_a_worker_answers_on_a_port_of_its_own(sqlite_url: str, tmp_path: Path) -> None:
    [port] = free_ports(1)
    settings = {"PODIUM_DATABASE_URL": sqlite_url, "PODIUM_ARTIFACTS": str(tmp_path / "artifacts")}
    process = subprocess.Popen(
        [*PODIUM, "worker", "--port", str(port)],
        env={**environment(), **settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert json.loads(line)["event"] == "worker started", line
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
                text = answer.read().decode()
            if 'podium_job_seconds_count{name="compact metrics"}' in text:
                break
        else:
            raise AssertionError(text)
        assert "podium_webhook_attempts" in text
        assert "podium_outbox" not in text, "which the servers tell"
        with urllib.request.urlopen(f"{url}/ready", timeout=60) as answer:
            assert set(json.load(answer).values()) == {"ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert process.stderr is not None
        process.stderr.close()
