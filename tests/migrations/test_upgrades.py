"""From every schema that ever was, with something in each of its tables, up to this one's."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from podium.client.errors import Unavailable
from podium.registry import versions
from podium.registry.app import HISTORIES
from podium.tracker import audit, experiments, overview, runs, series, table_locks
from podium.tracker.db import Database
from podium.tracker.metrics import compact_run
from podium.tracker.schema_history import (
    History,
    check_schema,
    revisions_of,
    upgrade,
    upgrade_within,
)
from sqlalchemy import text

from ..services.postgres import PostgresServer
from .conftest import RUN, fill, rows

TRACKERS, REGISTRIES = (
    [f"{number:04}" for number in range(1, int(history.head) + 1)] for history in HISTORIES
)
# Each schema of either package once.
PAST = sorted(
    {*((each, REGISTRIES[0]) for each in TRACKERS), *((TRACKERS[-1], each) for each in REGISTRIES)}
)
_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Makes a database without tables."""
    opened = []

    def make() -> Database:
        name = f"upgrade_{request.param}_{next(_numbers)}"
        url = f"sqlite:///{tmp_path / name}.db"
        if request.param == "postgresql":
            url = request.getfixturevalue("postgres").create_database(name)
        opened.append(Database(url, pool_size=2))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_the_list_of_past_schemas_is_whole() -> None:
    for history, known in zip(HISTORIES, (TRACKERS, REGISTRIES), strict=True):
        assert _script(history).get_heads() == [history.head]
        found = sorted(each.revision for each in _script(history).walk_revisions())
        assert found == known


def _script(history: History) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(history.folder))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def test_every_past_schema_comes_up_with_all_that_is_in_it(
    empty: Callable[[], Database],
) -> None:
    for past in PAST:
        db = empty()
        revisions = dict(zip((each.version_table for each in HISTORIES), past, strict=True))
        with db.migrating() as connection:
            upgrade_within(connection, HISTORIES, revisions)
            assert revisions_of(connection, HISTORIES) == revisions
            before = fill(connection)
        assert upgrade(db, HISTORIES) is (past != (TRACKERS[-1], REGISTRIES[-1]))
        check_schema(db, HISTORIES)
        with db.migrating() as connection:
            after = rows(connection, list(before))
        for table, known in before.items():
            kept = [{name: row[name] for name in known[0] if name in row} for row in after[table]]
            assert kept == known, (past, table)
        _it_works(db, past[0])


def _it_works(db: Database, tracker: str) -> None:
    """What is there is found, and more can be added."""
    assert {each.name for each in experiments.search_experiments(db).items} == {"Default", "x"}
    [run] = runs.search_runs(db, experiment_ids=["1"]).items
    assert (run.run_id, run.params) == (RUN, {"loss": "x"})
    assert [each.points for each in overview.metrics_of(db, RUN)] == [20]
    points = 10 if tracker == "0001" else 20  # there were no blocks then
    [chart] = series.charts(db, [series.Wanted(RUN, "loss")], width=99)
    assert chart.points == points
    compact_run(db, 1)
    [chart] = series.charts(db, [series.Wanted(RUN, "loss")], width=99)
    assert chart.points == points
    made = versions.create_version(db, name="x", source=f"runs:/{RUN}/model")
    assert made.version == 2
    runs.delete_run(db, runs.create_run(db).run_id)
    assert audit.verify(db).broken is None


def test_nobody_fails_for_an_upgrade_that_waits(postgres_db_of_before: Database) -> None:
    """Who has a table and wants another gets it, and who comes to the first one meanwhile, too."""
    db = postgres_db_of_before
    with ThreadPoolExecutor(2) as pool, db.engine.begin() as holding:
        holding.execute(text("UPDATE runs SET name = name"))
        upgrading = pool.submit(upgrade, db, HISTORIES)
        wait_for_lock(db)
        # For longer than PostgreSQL waits before it ends a deadlock, which is one second.
        until = time.monotonic() + 3
        while time.monotonic() < until:
            with db.engine.begin() as reading:
                assert reading.execute(text("SELECT count(*) FROM runs")).scalar() == 1
            holding.execute(text("UPDATE experiments SET name = name"))
            holding.execute(text("UPDATE tags SET value = value"))
        assert not upgrading.done()
        holding.commit()
        assert upgrading.result(120)
    check_schema(db, HISTORIES)


def test_an_upgrade_that_waits_too_long_says_for_whom(
    postgres_db_of_before: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = postgres_db_of_before
    monkeypatch.setattr(table_locks, "_PATIENCE", 0.0)
    with db.engine.begin() as holding:
        holding.execute(text("UPDATE runs SET name = name"))
        with pytest.raises(Unavailable, match="has held one of the tables"):
            upgrade(db, HISTORIES)
    assert upgrade(db, HISTORIES)


@pytest.fixture
def postgres_db_of_before(postgres: PostgresServer) -> Iterator[Database]:
    """At the schema before the newest, with something in it."""
    db = Database(postgres.create_database(f"upgrade_under_load_{next(_numbers)}"), pool_size=4)
    past = (TRACKERS[-2], REGISTRIES[-2])
    revisions = dict(zip((each.version_table for each in HISTORIES), past, strict=True))
    with db.migrating() as connection:
        upgrade_within(connection, HISTORIES, revisions)
        fill(connection)
    yield db
    db.close()


def wait_for_lock(db: Database) -> None:
    """Until somebody waits for a table."""
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'")
    deadline = time.monotonic() + 60
    while True:
        with db.engine.connect() as connection:
            if connection.execute(waits).scalar():
                return
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)


def test_an_upgrade_that_fails_changes_nothing(empty: Callable[[], Database]) -> None:
    """Even when all but the last step are done: here a table of the newest is there already."""
    db = empty()
    first = dict.fromkeys((each.version_table for each in HISTORIES), "0001")
    with db.migrating() as connection:
        upgrade_within(connection, HISTORIES, first)
        before = fill(connection)
        connection.execute(text("CREATE TABLE legal_holds (x INTEGER)"))
    with pytest.raises(Exception, match="legal_holds"):
        upgrade(db, HISTORIES)
    with db.migrating() as connection:
        assert revisions_of(connection, HISTORIES) == first
        assert rows(connection, list(before)) == before
        connection.execute(text("DROP TABLE legal_holds"))
    assert upgrade(db, HISTORIES)
    _it_works(db, "0001")
