"""Searching, exporting and verifying the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from podium.client.entities import Page
from sqlalchemy import select

from ..db import Database
from ..paging import cut, newest_first
from .chain import START, Head, Json, canonical, content, digest
from .table import AuditRow

_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """``head`` is the last row that is as it was written, ``broken`` the number of the next one
    when that is missing or not as it was written, for this ``reason``.
    """

    head: Head
    broken: int | None = None
    reason: str = ""


def search(
    db: Database,
    *,
    actor: str = "",
    action: str = "",
    subject: str = "",
    since: int | None = None,
    until: int | None = None,
    max_results: int = 100,
    page_token: str = "",
) -> Page[Json]:
    """The newest rows first. An ``action`` that ends with a dot stands for all that begin so.

    ``since`` and ``until`` are milliseconds since the epoch, the second not included.
    """
    found = newest_first(select(AuditRow), AuditRow.id, max_results, page_token)
    if actor:
        found = found.where(AuditRow.actor == actor)
    if action.endswith("."):
        found = found.where(AuditRow.action.startswith(action, autoescape=True))
    elif action:
        found = found.where(AuditRow.action == action)
    if subject:
        found = found.where(AuditRow.subject == subject)
    if since is not None:
        found = found.where(AuditRow.at >= since)
    if until is not None:
        found = found.where(AuditRow.at < until)
    with db.reading() as session:
        shown, token = cut(session.scalars(found).all(), max_results)
    return Page(tuple(_told(row) for row in shown), token)


def export(db: Database) -> Iterator[str]:
    """Every row as a line of JSON, oldest first.

    ``hash`` is the SHA-256 of the line without that member, written with sorted keys, no spaces and
    every character beyond ASCII escaped: the export can be verified without Podium.
    """
    for row in _all(db):
        yield canonical(_told(row))


def verify(db: Database, *, head: Head | None = None) -> Verdict:
    """Recompute the chain. ``head`` is one that was kept: its row must be there, and the same."""
    end = START
    for row in _all(db):
        problem = _problem(row, end)
        if not problem and head is not None and row.id == head.id and row.hash != head.hash:
            problem = "it is not the row that the given head names"
        if problem:
            return Verdict(end, end.id + 1, problem)
        end = Head(row.id, row.hash)
    if head is not None and end.id < head.id:
        return Verdict(end, end.id + 1, f"it is missing, and so are all up to {head.id}")
    return Verdict(end)


def _problem(row: AuditRow, end: Head) -> str:
    if row.id != end.id + 1:
        return f"it is missing: the next one is {row.id}"
    if row.previous != end.hash:
        return "it does not follow the row before it"
    try:
        same = row.hash == digest(content(row))
    except ValueError:
        same = False
    return "" if same else "its content is not what was hashed"


def _told(row: AuditRow) -> Json:
    return {**content(row), "hash": row.hash}


def _all(db: Database) -> Iterator[AuditRow]:
    """Rows in order, in pieces: the log may be larger than memory."""
    found = select(AuditRow).order_by(AuditRow.id).limit(_CHUNK)
    last: int | None = None
    while True:
        with db.reading() as session:
            rows = session.scalars(found if last is None else found.where(AuditRow.id > last)).all()
        yield from rows
        if len(rows) < _CHUNK:
            return
        last = rows[-1].id
