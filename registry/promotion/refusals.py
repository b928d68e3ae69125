"""What is refused leaves a row in the audit log, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from podium.client.errors import BadRequest, Conflict, PermissionDenied
from podium.tracker import audit
from podium.tracker.audit.record import MAX_REASON
from podium.tracker.auth.caller import begin, visit
from podium.tracker.db import Database
from sqlalchemy.orm import Session


@contextmanager
def recorded(db: Database, action: str, subject: str) -> Iterator[None]:
    """Note the refusals of what is done inside, each by a transaction of its own.

    What is not there is not noted: anybody could fill the log with names of nothing.
    """
    try:
        yield
    except (BadRequest, Conflict, PermissionDenied) as refusal:
        with db.writing() as session:
            audit.record(session, f"{action}.refused", subject, reason=refusal.message[:MAX_REASON])
        raise


@contextmanager
def looking(db: Database) -> Iterator[Session]:
    """Finds what the caller may look at, whatever he came to do with it.

    What a refusal is of is looked up so: that he may not change it is then found, and noted, in
    what follows. What he may not look at is not there for him.
    """
    before = visit()
    begin(replace(before, permission=None))
    try:
        with db.reading() as session:
            yield session
    finally:
        begin(before)
