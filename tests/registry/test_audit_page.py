"""The audit log's page: what is looked for, page by page, and the whole of it as a file."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from podium.tracker import audit
from podium.tracker.auth import accounts
from podium.tracker.db import Database

from .conftest import Elements

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def rows(whole: Flask) -> Database:
    """61 rows: 60 of accounts, and one with something hostile in every field that takes text."""
    db: Database = whole.extensions["podium"].db
    for number in range(60):
        accounts.create(db, name=f"user{number}")
    with db.writing() as session:
        audit.record(
            session, "model.update", f"model:{HOSTILE}", after={"x": HOSTILE}, reason=HOSTILE
        )
    return db


def cells(html: str) -> list[str]:
    return [text for tag, text in Elements(html).texts if tag == "a"]


def test_a_page_at_a_time(pages: FlaskClient, rows: Database) -> None:
    first = pages.get("/audit").get_data(as_text=True)
    assert HOSTILE not in first
    assert "&lt;script&gt;" in first
    assert "user:user59" in cells(first)
    assert "user:user0" not in cells(first)
    [older] = [each["href"] for tag, each in Elements(first).found if each.get("rel") == "next"]
    second = cells(pages.get(older).get_data(as_text=True))
    assert "user:user0" in second
    assert "user:user59" not in second


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"subject": "user:user7"}, 1),
        ({"action": "user."}, 50),
        ({"action": "model."}, 1),
        ({"actor": "system", "action": "model.update"}, 1),
        ({"actor": "nobody"}, 0),
        ({"since": "2999-01-01T00:00"}, 0),
        ({"until": "2001-01-01T00:00"}, 0),
        ({"since": "2001-01-01T00:00", "subject": "user:user7"}, 1),
    ],
)
def test_what_is_looked_for(
    pages: FlaskClient, rows: Database, query: dict[str, str], found: int
) -> None:
    html = pages.get("/audit", query_string=query).get_data(as_text=True)
    assert html.count('<td class="number"') == found


@pytest.mark.parametrize("query", [{"since": "yesterday"}, {"page": "x"}, {"until": "2026-13-01"}])
def test_what_cannot_be_read_says_so(pages: FlaskClient, query: dict[str, str]) -> None:
    answer = pages.get("/audit", query_string=query)
    assert answer.status_code == 400
    assert '<p class="refused" role="alert">' in answer.get_data(as_text=True)


def test_all_of_it_is_what_the_command_exports(pages: FlaskClient, rows: Database) -> None:
    with pages.get("/audit/export") as answer:
        assert answer.get_data(as_text=True).splitlines() == list(audit.export(rows))
        assert answer.headers["Content-Disposition"].startswith("attachment")
