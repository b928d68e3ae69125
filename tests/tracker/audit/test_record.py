"""Recording: with the change or not at all, in one chain whoever writes, and never altered."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from podium.client.errors import BadRequest
from podium.tracker import audit, experiments, runs
from podium.tracker.audit.chain import Json
from podium.tracker.auth.caller import LOCAL, SYSTEM, Visit, begin, caller, end
from podium.tracker.db import Database
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session


@pytest.fixture(autouse=True)
def nobody_afterwards() -> Iterator[None]:
    yield
    end()


def note(db: Database, subject: str = "thing:1", **values: object) -> None:
    with db.writing() as session:
        audit.record(session, "thing.change", subject, after=values)


def rows(db: Database) -> list[Json]:
    """Oldest first."""
    return list(reversed(audit.search(db, max_results=1000).items))


def test_a_row_says_who_what_when_and_from_where(db: Database) -> None:
    begin(Visit(LOCAL, "192.0.2.7", "request-1"))
    with db.writing() as session:
        audit.record(
            session,
            "version.promote",
            "model:digits/3",
            before={"stage": "Staging"},
            after={"stage": "Production", "score": float("nan"), "gates": ("a", None, 0.1)},
            reason="better\u2028and née",
        )
    [row] = rows(db)
    assert row.pop("at") > 1_700_000_000_000
    assert len(row.pop("hash")) == 64
    assert row == {
        "id": 1,
        "actor": "local",
        "actor_kind": "local",
        "address": "192.0.2.7",
        "request_id": "request-1",
        "action": "version.promote",
        "subject": "model:digits/3",
        "before": {"stage": "Staging"},
        "after": {"stage": "Production", "score": "NaN", "gates": ["a", None, 0.1]},
        "reason": "better\u2028and née",
        "previous": "0" * 64,
    }
    assert audit.verify(db).broken is None


def test_outside_of_a_request_it_is_the_system(db: Database) -> None:
    note(db)
    [row] = rows(db)
    assert (row["actor"], row["actor_kind"]) == (SYSTEM.name, "system")
    assert row["address"] is row["request_id"] is None


def test_each_row_holds_the_hash_of_the_one_before(db: Database) -> None:
    for _ in range(3):
        note(db)
    found = rows(db)
    assert [row["id"] for row in found] == [1, 2, 3]
    assert [row["previous"] for row in found] == ["0" * 64, found[0]["hash"], found[1]["hash"]]


def test_what_is_undone_is_not_recorded(db: Database) -> None:
    def fail() -> None:
        with db.writing() as session:
            audit.record(session, "thing.change", "thing:undone")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    note(db, "thing:done")
    assert [row["subject"] for row in rows(db)] == ["thing:done"]


def test_what_a_savepoint_undoes_is_not_recorded_either(db: Database) -> None:
    def fail(session: Session) -> None:
        with session.begin_nested():
            audit.record(session, "thing.change", "thing:undone")
            with session.begin_nested():
                audit.record(session, "thing.change", "thing:undone with it")
            raise RuntimeError

    with db.writing() as session:
        audit.record(session, "thing.change", "thing:outside")
        with pytest.raises(RuntimeError):
            fail(session)
        with session.begin_nested():
            audit.record(session, "thing.change", "thing:inside")
    assert [row["subject"] for row in rows(db)] == ["thing:outside", "thing:inside"]


def test_a_change_that_the_database_refuses_last_leaves_no_row(db: Database) -> None:
    """The record is complete when the rest of the transaction turns out to be impossible."""
    made = experiments.create_experiment(db, name="taken").experiment_id

    def rename() -> None:
        with db.writing() as session:
            audit.record(session, "experiment.rename", f"experiment:{made}")
            experiments.find_experiment(session, made).name = "Default"

    with pytest.raises(IntegrityError):
        rename()
    assert rows(db) == []


def test_many_writers_make_one_chain(db: Database) -> None:
    """Each changes a row that the others want, before or after it records: no fork, no deadlock."""
    made = [experiments.create_experiment(db, name=f"e{n}").experiment_id for n in range(2)]
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                with db.writing() as session:
                    order = made if (number + turn) % 2 else made[::-1]
                    first = experiments.find_experiment(session, order[0])
                    audit.record(session, "thing.change", f"thing:{number}.{turn}")
                    if number % 3 == 0:
                        first.last_update_time += 1
        except BaseException as error:  # noqa: BLE001  (asserted below)
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []
    found = rows(db)
    assert [row["id"] for row in found] == list(range(1, 41))
    assert {row["subject"] for row in found} == {
        f"thing:{n}.{t}" for n in range(8) for t in range(5)
    }
    verdict = audit.verify(db)
    assert (verdict.broken, verdict.head.id) == (None, 40)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_row_written_late_is_no_part_of_a_deadlock(db: Database) -> None:
    """One records first and then waits for a row whose holder records, too."""
    made = experiments.create_experiment(db, name="wanted").experiment_id
    recorded, held = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def record_then_wait() -> None:
        try:
            with db.writing() as session:
                audit.record(session, "thing.change", "thing:first")
                recorded.set()
                assert held.wait(120)
                experiments.find_experiment(session, made).last_update_time = 1
                session.flush()
        except BaseException as error:  # noqa: BLE001  (asserted below)
            errors.append(error)

    thread = threading.Thread(target=record_then_wait)
    thread.start()
    with db.writing() as session:
        experiments.find_experiment(session, made).last_update_time = 2
        session.flush()
        assert recorded.wait(120)
        held.set()
        thread.join(0.2)
        assert thread.is_alive(), "it waits for the row"
        audit.record(session, "thing.change", "thing:second")
    thread.join(120)
    assert errors == []
    assert [row["subject"] for row in rows(db)] == ["thing:second", "thing:first"]


def test_the_database_refuses_to_change_a_row(db: Database) -> None:
    note(db)
    changes = ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"]
    if db.dialect == "postgresql":
        changes.append("TRUNCATE audit")
    for change in changes:
        refuses(db, change)
    assert audit.verify(db).head.id == 1


def refuses(db: Database, change: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"), db.writing() as session:
        session.execute(text(change))


def test_a_transaction_that_only_reads_records_nothing(db: Database) -> None:
    with pytest.raises(RuntimeError, match="only reads"), db.reading() as session:
        audit.record(session, "thing.change", "thing:1")


@pytest.mark.parametrize("field", ["action", "subject", "reason"])
def test_what_cannot_be_stored_is_refused_at_once(db: Database, field: str) -> None:
    values = {"action": "thing.change", "subject": "thing:1", "reason": "why", field: "a\0b"}
    with pytest.raises(BadRequest, match=field), db.writing() as session:
        audit.record(session, values["action"], values["subject"], reason=values["reason"])


class TestTheTrackersOwn:
    def test_experiments(self, db: Database) -> None:
        made = experiments.create_experiment(db, name="digits").experiment_id
        experiments.delete_experiment(db, made)
        experiments.restore_experiment(db, made)
        assert [(row["action"], row["subject"]) for row in rows(db)] == [
            ("experiment.delete", f"experiment:{made}"),
            ("experiment.restore", f"experiment:{made}"),
        ]
        assert rows(db)[0]["before"] == {"name": "digits"}

    def test_runs(self, db: Database) -> None:
        run_id = runs.create_run(db, run_name="brisk").run_id
        runs.delete_run(db, run_id)
        runs.delete_run(db, run_id)
        runs.restore_run(db, run_id)
        assert [(row["action"], row["subject"], row["after"]) for row in rows(db)] == [
            ("run.delete", f"run:{run_id}", {"name": "brisk", "experiment": 0}),
            ("run.restore", f"run:{run_id}", {"name": "brisk", "experiment": 0}),
        ]


class TestWhoAsks:
    def test_a_request_is_recorded_with_its_address_and_id(self, app: Flask, db: Database) -> None:
        answer = app.test_client().post(
            "/api/2.0/mlflow/experiments/delete",
            json={"experiment_id": "0"},
            headers={"X-Request-Id": "mine"},
            environ_base={"REMOTE_ADDR": "127.0.0.1"},
        )
        assert answer.status_code == 200
        [row] = rows(db)
        assert (row["actor"], row["address"], row["request_id"]) == ("local", "127.0.0.1", "mine")

    @pytest.mark.parametrize("path", ["/health", "/no/such/path", "/api/fails"])
    def test_after_a_request_the_thread_is_nobodys(self, app: Flask, path: str) -> None:
        from podium.tracker.auth.permissions import READ, allow

        seen = []

        @allow(READ)
        def fail() -> str:
            seen.append(caller())
            raise RuntimeError

        app.add_url_rule("/api/fails", view_func=fail)
        app.test_client().get(path)
        assert caller() is SYSTEM
        assert seen == ([LOCAL] if path == "/api/fails" else [])
