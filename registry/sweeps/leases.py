"""Who looks after a sweep: one worker at a time, as of a cluster (``..launches.leases``)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from podium.tracker.db import Database
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..launches.leases import LEASE_MS, LeaseLost
from .tables import SweepRow


@dataclass(frozen=True, slots=True)
class Lease:
    """``sweep`` is the id of its row; ``until`` is in ms."""

    sweep: int
    fence: int
    until: int

    def is_due(self, now: int) -> bool:
        """Whether less than half of it is left."""
        return self.until - LEASE_MS // 2 <= now


def hold(db: Database, sweep: int, holder: str, now: int) -> Lease | None:
    """Take the sweep, or keep it; None while another worker has it, or when it has ended."""
    with db.writing() as session:
        row = locked(session, sweep)
        if row.ended is not None or (row.holder != holder and row.leased_until > now):
            return None
        if row.holder != holder or row.leased_until <= now:
            row.fence += 1
        row.holder, row.leased_until = holder, now + LEASE_MS
        return Lease(sweep, row.fence, row.leased_until)


def extend(db: Database, lease: Lease, now: int) -> Lease:
    with db.writing() as session:
        row = held(session, lease)
        row.leased_until = now + LEASE_MS
        return replace(lease, until=row.leased_until)


def held(session: Session, lease: Lease) -> SweepRow:
    """The sweep, locked until the end of the transaction; raises :class:`LeaseLost`."""
    row = locked(session, lease.sweep)
    if row.fence != lease.fence:
        raise LeaseLost
    return row


def locked(session: Session, sweep: int) -> SweepRow:
    return session.scalars(
        select(SweepRow)
        .where(SweepRow.id == sweep)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
