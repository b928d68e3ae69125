"""What is refused leaves a row in the audit log, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from podium.client.errors import BadRequest, Conflict, PermissionDenied
from podium.tracker import audit
from podium.tracker.audit.record import MAX_REASON
from podium.tracker.db import Database


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
