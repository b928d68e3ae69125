"""Locks that lie on no row: one of them never stands in the way of another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from podium.tracker import advisory
from podium.tracker.advisory import Lock
from podium.tracker.db import Database

ROOT = Path(__file__).parents[2]


def test_each_is_had_while_others_have_all_others(new_database: Callable[[str], str]) -> None:
    db = Database(new_database("postgresql"), pool_size=len(Lock.__members__))
    try:
        with ExitStack() as held:
            for each in Lock.__members__.values():
                session = held.enter_context(db.writing())
                advisory.lock(session.connection(), each)
    finally:
        db.close()


def test_there_are_none_but_those_that_are_named() -> None:
    """A number that is written elsewhere may be one of them."""
    users = {
        path.relative_to(ROOT).as_posix()
        for package in ("client", "tracker", "registry")
        for path in (ROOT / package).rglob("*.py")
        if "node_modules" not in path.parts and "_advisory_" in path.read_text()
    }
    assert users == {"tracker/advisory.py"}
