"""Group commit: one sync for many, and each on its own when something goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from podium.client.errors import Unavailable
from podium.tracker.db import Database
from podium.tracker.models import ExperimentTag
from sqlalchemy import event, select, text


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    database = Database(sqlite_url, pool_size=4)
    yield database
    database.close()


def write(db: Database, key: str) -> None:
    with db.writing() as session:
        session.add(ExperimentTag(experiment_id=0, key=key, value="x"))


def keys(db: Database) -> set[str]:
    with db.reading() as session:
        return set(session.scalars(select(ExperimentTag.key)))


def _join(thread: threading.Thread) -> None:
    thread.join(120)
    assert not thread.is_alive()


def commits(db: Database) -> list[object]:
    found: list[object] = []
    event.listen(db.engine, "commit", found.append)
    return found


def gathered(db: Database, *actions: Callable[[], object]) -> list[BaseException]:
    """Start all while the first holds the turn, which it keeps until they wait for it."""
    assert db._group is not None
    with db.writing() as session:
        session.execute(select(1))
        raised: list[BaseException] = []
        done: list[threading.Thread] = []
        for action in actions:

            def attempt(action: Callable[[], object] = action) -> None:
                try:
                    action()
                except BaseException as error:  # noqa: BLE001  (returned)
                    raised.append(error)

            done.append(threading.Thread(target=attempt))
            done[-1].start()
        while db._group._waiting < len(actions):
            time.sleep(0.01)
        session.add(ExperimentTag(experiment_id=0, key="first", value="x"))
    for thread in done:
        _join(thread)
    return raised


def test_those_who_wait_share_a_commit(db: Database) -> None:
    found = commits(db)
    assert gathered(db, *(lambda n=n: write(db, f"k{n}") for n in range(10))) == []
    assert keys(db) == {"first", *(f"k{n}" for n in range(10))}
    assert len(found) == 1


def test_one_that_fails_undoes_its_own_alone(db: Database) -> None:
    def fail() -> None:
        with db.writing() as session:
            session.add(ExperimentTag(experiment_id=0, key="lost", value="x"))
            session.flush()
            raise ValueError("no")

    raised = gathered(db, lambda: write(db, "a"), fail, lambda: write(db, "b"), fail)
    assert [str(error) for error in raised] == ["no", "no"]
    assert keys(db) == {"first", "a", "b"}


def test_a_statement_that_fails_undoes_its_own_alone(db: Database) -> None:
    write(db, "a")
    raised = gathered(db, lambda: write(db, "a"), lambda: write(db, "b"))
    assert len(raised) == 1
    assert "UNIQUE" in str(raised[0])
    assert keys(db) == {"first", "a", "b"}


def test_a_commit_that_fails_fails_for_all_and_the_next_one_works(db: Database) -> None:
    def refuse(_connection: object) -> None:
        raise OSError("no space left on device")

    event.listen(db.engine, "commit", refuse)
    with pytest.raises(OSError, match="no space"):
        gathered(db, lambda: write(db, "a"))
    event.remove(db.engine, "commit", refuse)
    assert keys(db) == set()
    write(db, "later")
    assert keys(db) == {"later"}


def test_a_full_disk_fails_those_it_concerns_and_keeps_what_was_told(db: Database) -> None:
    write(db, "before")
    with db.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    engine = db._write_engine

    @event.listens_for(engine, "begin")
    def limit(connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")  # type: ignore[attr-defined]

    def large() -> None:
        with db.writing() as session:
            session.add(ExperimentTag(experiment_id=0, key="large", value="x" * 1_000_000))

    with pytest.raises(Unavailable, match="full"):
        large()
    event.remove(engine, "begin", limit)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert keys(db) == {"before"}
    write(db, "after")
    assert keys(db) == {"before", "after"}


def test_many_threads_lose_nothing(db: Database, tmp_path: Path) -> None:
    found = commits(db)

    def work(number: int) -> None:
        for step in range(40):
            write(db, f"{number}/{step}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        _join(thread)
    assert keys(db) == {f"{number}/{step}" for number in range(8) for step in range(40)}
    assert len(found) <= 320
