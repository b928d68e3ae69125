"""Reading the audit log: pages and filters, the export, and what a verification finds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from podium.client.errors import BadRequest
from podium.tracker import audit
from podium.tracker.audit import Head
from podium.tracker.db import Database
from sqlalchemy import text

from ...api import Api
from ...test_cli import podium


def fill(db: Database, count: int = 5) -> Head:
    for number in range(1, count + 1):
        with db.writing() as session:
            audit.record(session, "thing.change", f"thing:{number}", after={"n": number})
    return audit.verify(db).head


def meddle(db: Database, statement: str) -> None:
    """As somebody with the database's password would."""
    with db.writing() as session:
        if db.dialect == "sqlite":
            for trigger in ("audit_no_update", "audit_no_delete"):
                session.execute(text(f"DROP TRIGGER IF EXISTS {trigger}"))
        else:
            session.execute(text("ALTER TABLE audit DISABLE TRIGGER audit_append_only"))
        session.connection().exec_driver_sql(statement)


class TestVerify:
    def test_an_empty_log_is_whole(self, db: Database) -> None:
        verdict = audit.verify(db)
        assert (verdict.head, verdict.broken) == (Head(0, "0" * 64), None)

    @pytest.mark.parametrize(
        ("statement", "broken", "says"),
        [
            ("UPDATE audit SET actor = 'nobody' WHERE id = 3", 3, "not what was hashed"),
            ("UPDATE audit SET at = at + 1 WHERE id = 1", 1, "not what was hashed"),
            ("UPDATE audit SET reason = 'x' WHERE id = 5", 5, "not what was hashed"),
            ("UPDATE audit SET after = '{\"n\":9}' WHERE id = 2", 2, "not what was hashed"),
            ("UPDATE audit SET after = '{' WHERE id = 2", 2, "not what was hashed"),
            ("UPDATE audit SET after = NULL WHERE id = 2", 2, "not what was hashed"),
            ("DELETE FROM audit WHERE id = 1", 1, "missing: the next one is 2"),
            ("DELETE FROM audit WHERE id IN (3, 4)", 3, "missing: the next one is 5"),
            ("UPDATE audit SET id = id + 10 WHERE id = 5", 5, "missing: the next one is 15"),
            ("UPDATE audit SET previous = hash WHERE id = 4", 4, "does not follow"),
            (
                "INSERT INTO audit SELECT 6, at, actor, actor_kind, address, request_id, action, "
                "subject, before, after, reason, previous, hash FROM audit WHERE id = 5",
                6,
                "does not follow",
            ),
        ],
    )
    def test_it_names_the_first_bad_row(
        self, db: Database, statement: str, broken: int, says: str
    ) -> None:
        fill(db)
        meddle(db, statement)
        verdict = audit.verify(db)
        assert verdict.broken == broken
        assert says in verdict.reason
        assert verdict.head.id == broken - 1

    def test_rows_cut_off_the_end_are_missed_by_whoever_kept_the_head(self, db: Database) -> None:
        head = fill(db)
        meddle(db, "DELETE FROM audit WHERE id > 3")
        assert audit.verify(db).broken is None
        verdict = audit.verify(db, head=head)
        assert (verdict.broken, verdict.reason) == (4, "it is missing, and so are all up to 5")

    def test_a_chain_made_anew_is_not_the_one_whose_head_was_kept(self, db: Database) -> None:
        head = fill(db, 2)
        meddle(db, "DELETE FROM audit")
        fill(db, 4)
        assert audit.verify(db).broken is None
        assert audit.verify(db, head=head).broken == 2

    def test_more_rows_than_are_read_at_once(
        self, db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("podium.tracker.audit.read._CHUNK", 2)
        fill(db, 5)
        assert audit.verify(db).head.id == 5
        assert len(list(audit.export(db))) == 5


def test_an_export_can_be_verified_without_podium(db: Database) -> None:
    with db.writing() as session:
        audit.record(session, "thing.change", "thing:né", after={"x": 0.1, "y": float("inf")})
        audit.record(session, "thing.change", "thing:2", reason="a\nb")
    previous = "0" * 64
    for line in audit.export(db):
        row = json.loads(line)
        digest = row.pop("hash")
        assert row["previous"] == previous
        text = json.dumps(row, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        previous = digest
    assert previous == audit.verify(db).head.hash


class TestSearch:
    def test_pages_newest_first(self, api: Api, db: Database) -> None:
        fill(db, 5)
        seen, token = [], ""
        while True:
            page = api.get("/api/v1/audit", max_results=2, page_token=token)
            seen += [row["id"] for row in page["events"]]
            token = page["next_page_token"]
            if token is None:
                break
            fill(db, 1)  # what comes meanwhile moves no page
        assert seen == [5, 4, 3, 2, 1]

    def test_filters(self, api: Api, db: Database) -> None:
        with db.writing() as session:
            for action, subject in (
                ("token.create", "user:ada"),
                ("token.revoke", "user:ada"),
                ("tokenx.create", "user:bob"),
            ):
                audit.record(session, action, subject)
        rows = audit.search(db).items

        def found(**query: object) -> list[int]:
            return [row["id"] for row in api.get("/api/v1/audit", **query)["events"]]

        assert found(action="token.") == [2, 1]
        assert found(action="token.create") == [1]
        assert found(subject="user:ada", action="tokenx.create") == []
        assert found(actor="system") == [3, 2, 1]
        assert found(actor="local") == []
        assert found(since=rows[0]["at"] + 1) == []
        assert found(until=rows[2]["at"]) == []
        assert found(since=rows[2]["at"], until=rows[0]["at"] + 1) == [3, 2, 1]

    @pytest.mark.parametrize(
        "query",
        [{"max_results": 0}, {"max_results": 1001}, {"page_token": "-1"}, {"page_token": "1" * 19}],
    )
    def test_what_is_refused(self, api: Api, query: dict[str, object]) -> None:
        status, body = api.refused("GET", "/api/v1/audit", **query)
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert next(iter(query)) in body["message"]


class TestCommand:
    def test_verify_and_export(self, sqlite_url: str) -> None:
        db = Database(sqlite_url, pool_size=1)
        head = fill(db, 3)
        done = podium("audit", "verify", PODIUM_DATABASE_URL=sqlite_url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"3 rows, all as they were written. Head: {head}\n"
        done = podium("audit", "export", "--database", sqlite_url)
        assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2, 3]
        meddle(db, "UPDATE audit SET actor = 'nobody' WHERE id = 2")
        db.close()
        done = podium("audit", "verify", "--head", str(head), "--database", sqlite_url)
        assert done.returncode == 1
        assert done.stderr == (
            "podium: row 2 of the audit log is wrong: its content is not what was hashed. "
            "The 1 rows before it are as they were written.\n"
        )

    def test_a_head_that_is_none(self) -> None:
        with pytest.raises(BadRequest, match="podium audit verify"):
            Head.parse("12:abc")

    def test_a_database_without_the_tables(self, tmp_path: Path) -> None:
        done = podium("audit", "verify", "--database", f"sqlite:///{tmp_path}/empty.db")
        assert done.returncode == 1
        assert "podium db upgrade" in done.stderr
