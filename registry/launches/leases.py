"""Who looks after a cluster: one worker at a time, under a lease with a fencing token.

What a worker writes of launches it writes under the number its lease was taken with, so one that
slept through its lease writes nothing. What it may still do in the cluster does no harm: names are
decided by what is launched.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass, replace

from podium.tracker.clock import is_over
from podium.tracker.db import Database, insert
from sqlalchemy import select
from sqlalchemy.orm import Session

from .tables import LaunchCluster

LEASE_MS = 30_000
_FIRST_MS, _LONGEST_MS = 1_000, 30_000
UNNAMED = (
    "It is not asked: the file of PODIUM_LAUNCH_SITE does not name it any more. Name it there "
    "again, and its launches go on."
)


class LeaseLost(Exception):
    """Another worker has the cluster by now."""


@dataclass(frozen=True, slots=True)
class Lease:
    """``failures``: how often in a row it did not answer."""

    cluster: str
    fence: int
    until: int
    failures: int


def hold(db: Database, name: str, holder: str, now: int) -> Lease | None:
    """Take the cluster, or keep it; None while another has it or it is left alone for a while."""
    with db.writing() as session:
        session.execute(
            insert(session, LaunchCluster)
            .values(name=name, fence=0, holder="", leased_until=0, failures=0, retry=0, problem="")
            .on_conflict_do_nothing(index_elements=["name"])
        )
        row = _locked(session, name)
        over = is_over(row.leased_until, now, longest=LEASE_MS)
        if not is_over(row.retry, now, longest=_LONGEST_MS) or (row.holder != holder and not over):
            return None
        if row.holder != holder or over:
            row.fence += 1
        row.holder, row.leased_until = holder, now + LEASE_MS
        return Lease(name, row.fence, row.leased_until, row.failures)


def extend(db: Database, lease: Lease, now: int) -> Lease:
    """The same lease, for longer."""
    with db.writing() as session:
        check(session, lease)
        row = _locked(session, lease.cluster)
        row.leased_until = now + LEASE_MS
        return replace(lease, until=row.leased_until)


def check(session: Session, lease: Lease) -> None:
    """Hold the lease until the end of the transaction; raises :class:`LeaseLost`."""
    if _locked(session, lease.cluster).fence != lease.fence:
        raise LeaseLost


def note_away(db: Database, lease: Lease, problem: str, now: int) -> None:
    """It does not answer: leave it alone, the longer the oftener (full jitter)."""
    with db.writing() as session:
        check(session, lease)
        row = _locked(session, lease.cluster)
        row.failures += 1
        row.away_since = row.away_since or now
        row.retry = now + backoff(row.failures, longest=_LONGEST_MS)
        row.problem = problem


def note_back(db: Database, lease: Lease) -> None:
    with db.writing() as session:
        check(session, lease)
        _is_back(_locked(session, lease.cluster))


def note_named(db: Database, names: Collection[str], busy: Collection[str], now: int) -> None:
    """Nobody asks a cluster that is none of ``names``; of the ``busy`` ones that is said."""
    lost = {name for name in busy if name not in names}
    with db.reading() as session:
        rows = session.scalars(select(LaunchCluster).where(LaunchCluster.name.not_in(names))).all()
    said = {row.name for row in rows if row.problem == UNNAMED}
    over = {row.name for row in rows if row.away_since is not None} - lost
    if not lost - said and not over:
        return
    with db.writing() as session:
        for name in lost - said:
            made = insert(session, LaunchCluster).values(name=name, strays=0)
            session.execute(made.on_conflict_do_nothing(index_elements=["name"]))
            row = _locked(session, name)
            row.away_since, row.problem = row.away_since or now, UNNAMED
            row.failures, row.retry = max(row.failures, 1), 0  # so that it is told when it is back
        for name in over:
            _is_back(_locked(session, name))


def backoff(failures: int, *, longest: int) -> int:
    """In ms, somewhere between half a second and twice as long each time, at most ``longest``."""
    ceiling = min(longest, _FIRST_MS * 2 ** min(failures - 1, 20))
    return max(_FIRST_MS // 2, random.randrange(ceiling))  # noqa: S311  (no secret)


def problems(db: Database) -> dict[str, str]:
    """Of the clusters that do not answer now, why."""
    with db.reading() as session:
        away = select(LaunchCluster).where(LaunchCluster.away_since.is_not(None))
        return {row.name: row.problem for row in session.scalars(away)}


def _is_back(row: LaunchCluster) -> None:
    row.failures, row.away_since, row.retry, row.problem = 0, None, 0, ""


def _locked(session: Session, name: str) -> LaunchCluster:
    return session.scalars(
        select(LaunchCluster)
        .where(LaunchCluster.name == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
