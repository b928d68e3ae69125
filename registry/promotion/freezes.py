"""Freezes: times in which nothing is promoted. Taking back is not promoting, and is not stopped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_text, check_timestamp
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..read import find_model
from .globs import check_glob, matches
from .locks import lock_rules
from .stage_sets import known_stage
from .tables import FreezeRow
from .waking import wake_all

MAX_REASON = 2000
_LONGEST_MS = 10 * 366 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Freeze:
    """``stage`` is "" for every stage; without ``until`` it holds until it is lifted."""

    id: int
    glob: str
    stage: str
    reason: str
    author: str
    created: int
    until: int | None = None

    @property
    def end(self) -> str:
        """When it ends, for a person."""
        if self.until is None:
            return "it is lifted"
        return f"{datetime.fromtimestamp(self.until / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"

    def holds_for(self, name: str, stage: str) -> bool:
        return self.stage in ("", stage) and matches(self.glob, name)


def freeze(
    db: Database, glob: str, *, reason: str, stage: str = "", until: int | None = None
) -> Freeze:
    """From when this returns nothing that it holds for is promoted."""
    check_glob(glob)
    if not check_text(reason, "reason", limit=MAX_REASON).strip():
        raise BadRequest("'reason' is blank: say why nothing may be promoted.")
    now = now_ms()
    if until is not None and not now < check_timestamp(until, "until") < now + _LONGEST_MS:
        raise BadRequest(
            "'until' must be a time to come, in milliseconds since 1970 and within ten years. "
            "Leave it out to lift the freeze yourself."
        )
    with db.writing() as session:
        lock_rules(session)
        stage = known_stage(session, stage) if stage else ""
        row = FreezeRow(
            glob=glob, stage=stage, reason=reason, until=until, author=caller().name, created=now
        )
        session.add(row)
        session.flush()
        told = {"stage": stage, "until": until}
        audit.record(session, "freeze.set", f"models:{glob}", after=told, reason=reason)
        return _told(row)


def lift(db: Database, freeze_id: int, *, glob: str | None = None) -> None:
    """End a freeze; with ``glob``, only if it is for that."""
    with db.writing() as session:
        lock_rules(session)
        row = session.scalar(_standing().where(FreezeRow.id == freeze_id))
        if row is not None and glob not in (None, row.glob):
            row = None
        if row is None:
            raise NotFound(f"No freeze {freeze_id} is in force.")
        row.lifted, row.lifted_by = now_ms(), caller().name
        wake_all(session)
        told = {"stage": row.stage, "until": row.until}
        audit.record(session, "freeze.lift", f"models:{row.glob}", before=told, reason=row.reason)


def list_freezes(db: Database, name: str | None = None) -> list[Freeze]:
    """Those in force, of all models or of the one of this name."""
    with db.reading() as session:
        if name is None:
            return list(_in_force(session, now_ms()))
        find_model(session, name)
        return freezes_of(session, name, now_ms())


def freezes_of(session: Session, name: str, now: int) -> list[Freeze]:
    """What keeps this model out of any stage now."""
    return [each for each in _in_force(session, now) if matches(each.glob, name)]


def freeze_of(session: Session, name: str, stage: str, now: int) -> Freeze | None:
    """What keeps this model out of this stage now; of several, the one that holds longest."""
    found = [each for each in _in_force(session, now) if each.holds_for(name, stage)]
    return max(found, key=lambda each: (each.until is None, each.until or 0), default=None)


def _in_force(session: Session, now: int) -> Iterable[Freeze]:
    for row in session.scalars(_standing().order_by(FreezeRow.id)):
        if row.until is None or row.until > now:
            yield _told(row)


def _standing() -> Select[FreezeRow]:
    return select(FreezeRow).where(FreezeRow.lifted.is_(None))


def _told(row: FreezeRow) -> Freeze:
    return Freeze(row.id, row.glob, row.stage, row.reason, row.author, row.created, until=row.until)
