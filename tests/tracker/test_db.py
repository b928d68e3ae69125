"""The database: upgrades, refusals, and what a transaction promises."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from podium.client.errors import ConfigError, Unavailable
from podium.registry import models as registry
from podium.registry.app import HISTORIES
from podium.tracker.db import Database
from podium.tracker.models import Base, Experiment
from podium.tracker.schema_history import TRACKER, History, check_schema, upgrade
from sqlalchemy import MetaData, make_url, select, text

from ..services.postgres import PostgresServer
from ..services.proxy import proxy


def test_the_models_are_what_the_migrations_make(db: Database) -> None:
    ours = MetaData()
    for base in (Base, registry.Base):
        for table in base.metadata.sorted_tables:
            table.to_metadata(ours)
    bookkeeping = {history.version_table for history in HISTORIES}
    with db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, *_: name not in bookkeeping}
        )
        assert compare_metadata(context, ours) == []


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.version_table)
def test_head_is_the_newest_revision(history: History) -> None:
    config = Config()
    config.set_main_option("script_location", str(history.folder))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == history.head


def test_an_upgrade_is_done_once_however_many_start_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    changed = []

    def run() -> None:
        database = Database(url, pool_size=1)
        changed.append(upgrade(database, HISTORIES))
        database.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(changed) == [False, False, False, True]


def test_an_empty_database_says_what_to_type(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}", pool_size=1)
    with pytest.raises(ConfigError, match="podium db upgrade"):
        check_schema(database, HISTORIES)
    database.close()


@pytest.mark.parametrize(
    ("revision", "says"), [("0000", "podium db upgrade"), ("9999", "newer than")]
)
def test_another_schema_says_so_and_what_to_type(db: Database, revision: str, says: str) -> None:
    with db.writing() as session:
        session.execute(text(f"UPDATE {TRACKER.version_table} SET version_num = '{revision}'"))
    with pytest.raises(ConfigError, match=says):
        check_schema(db, HISTORIES)


def test_an_error_leaves_nothing_behind(db: Database) -> None:
    def fail_half_way() -> None:
        with db.writing() as session:
            session.get_one(Experiment, 0).name = "half done"
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with db.reading() as session:
        assert session.scalars(select(Experiment.name)).all() == ["Default"]


def test_sqlite_keeps_what_it_acknowledged(sqlite_url: str) -> None:
    database = Database(sqlite_url, pool_size=1)
    with database.reading() as session:
        pragmas = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    database.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_database_that_is_away_can_be_tried_again() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none", pool_size=1)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        database.ping()
    database.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("not a url", "postgresql://user:password@host/name"),
        ("sqlite://", "names no SQLite file"),
        ("mysql://host/name", "postgresql or sqlite"),
    ],
)
def test_a_wrong_url_says_what_one_looks_like(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Database(url)


def test_a_password_is_never_part_of_a_message() -> None:
    database = Database("postgresql://me:hunter2@127.0.0.1:1/none", pool_size=1)
    with pytest.raises(Unavailable) as caught:
        database.ping()
    database.close()
    assert "hunter2" not in caught.value.message


@pytest.mark.skipif(sys.platform != "linux", reason="the filter that drops packets is Linux's")
def test_a_postgresql_that_vanishes_is_noticed(postgres: PostgresServer) -> None:
    """Its machine loses its power, so nobody says that the connections have ended. What a thread
    waits for does not come, and what it sends is not taken: neither holds it for a quarter of an
    hour.
    """
    there = make_url(postgres.create_database("vanishing"))
    assert there.port is not None
    with proxy(there.port) as network:
        here = there.set(port=network.port).render_as_string(hide_password=False)
        db = Database(here, pool_size=2)
        with ThreadPoolExecutor(2) as threads:
            taken = threading.Event()
            gone = threading.Event()

            def waits() -> None:
                with db.reading() as session:
                    session.execute(text("SELECT pg_sleep(600)"))

            def sends() -> None:
                with db.reading() as session:
                    session.execute(select(1))
                    taken.set()
                    assert gone.wait(60)
                    session.execute(select(1))

            started = [threads.submit(waits), threads.submit(sends)]
            assert taken.wait(60)
            _until_somebody_sleeps(there.render_as_string(hide_password=False))
            network.vanish()
            gone.set()
            try:
                for each in started:
                    with pytest.raises(Unavailable):
                        each.result(timeout=200)
            finally:
                network.drop()
        db.close()


def _until_somebody_sleeps(url: str) -> None:
    db = Database(url, pool_size=1)
    asleep = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    until = time.monotonic() + 60
    while True:
        with db.reading() as session:
            if session.scalar(asleep):
                break
        assert time.monotonic() < until
    db.close()


def test_a_postgresql_that_takes_connections_and_says_nothing(postgres: PostgresServer) -> None:
    there = make_url(f"{postgres.url}/postgres")
    assert there.port is not None
    with proxy(there.port) as network:
        network.black = True
        db = Database(there.set(port=network.port).render_as_string(hide_password=False))
        with pytest.raises(Unavailable):
            db.ping()
        db.close()
