"""Something that one worker at a time does, and no more often than it must."""

from __future__ import annotations

from ..clock import is_over
from ..db import Database, insert
from .tables import Chore

_LEASE_MS = 3_600_000


def claim(db: Database, name: str, *, every: int) -> int | None:
    """The claim, if it is this worker's turn: the last one was done ``every`` ms ago.

    A worker that dies holds up the others for an hour.
    """
    now = db.now_ms()
    with db.writing() as session:
        until = now + _LEASE_MS
        new = insert(session, Chore).values(name=name, leased_until=until, done=0)
        free = is_over(Chore.leased_until, now, longest=_LEASE_MS)
        free &= is_over(Chore.done + every, now, longest=every)
        taken = new.on_conflict_do_update(
            index_elements=["name"], set_={"leased_until": until}, where=free
        )
        claimed = session.scalar(taken.returning(Chore.leased_until))
        return None if claimed is None else int(claimed)


def finish(db: Database, name: str, claimed: int, *, done: bool) -> None:
    """Let others have it; if it was ``done``, after a while."""
    with db.writing() as session:
        row = session.get(Chore, name, with_for_update=True)
        if row is not None and row.leased_until == claimed:
            row.leased_until = 0
            if done:
                row.done = db.now_ms()
