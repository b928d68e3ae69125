"""Signs of life: a run that stops giving them has crashed, and one that logs again has not.

A crashed run is FAILED, which every client knows, with a tag that says more. Only runs that gave a
sign of life once are watched: MLflow's clients give none.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import structlog
from podium.client.entities import CRASHED_TAG, RunStatus
from podium.client.errors import BadRequest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ..db import Database, insert
from ..models import Run, Tag
from .read import find_active
from .states import set_state

MAX_INTERVAL = 86_400.0
# One sign may come late or be lost on the way; the next one in time must still be seen before two
# intervals are over.
_GRACE = 1.5
# Who sends what a dead process has left gives no signs, so this run may be dead still.
_REVIVED_MS = 60_000
# How long a worker looks on, at the most, before it ends runs that were overdue when it started.
_PATIENCE_MS = 900_000
# A clock that runs a little fast or slow, or is read a little late, has not been put.
_PUT_MS = 5_000

log = structlog.get_logger("podium.runs")


def beat(db: Database, run_id: str, interval: float) -> None:
    """The run lives, and will say so again within ``interval`` seconds."""
    if not 0 < interval <= MAX_INTERVAL:
        raise BadRequest(
            f"Invalid value {interval} for parameter 'interval' supplied: it must be seconds, more "
            f"than 0 and at most {MAX_INTERVAL:.0f}."
        )
    with db.writing() as session:
        run = find_active(session, run_id, change=True)
        revive(session, run, db.now_ms())
        if run.status == RunStatus.RUNNING:
            run.heartbeat = db.now_ms()
            run.alive_until = run.heartbeat + int(interval * _GRACE * 1000)


def revive_run(db: Database, run_id: str) -> None:
    with db.writing() as session:
        revive(session, find_active(session, run_id, change=True), db.now_ms())


def revive(session: Session, run: Run, now: int) -> None:
    """Undo the crash of a run that is not dead after all; nothing for any other run."""
    if not run.crashed:
        return
    forget_crash(session, run)
    run.end_time = None
    set_state(session, run, RunStatus.RUNNING)
    run.alive_until = now + _REVIVED_MS


def forget_crash(session: Session, run: Run) -> None:
    run.crashed = False
    session.execute(delete(Tag).where(Tag.run == run.id, Tag.key == CRASHED_TAG))


class Watch:
    """What a worker knows of the clock between its turns.

    When that is put forward or back, or the machine has slept, the times until which runs are
    believed to live say nothing any more. Then each run has as long as it had, from now on. So it
    has when a worker starts: while there was none, the clock may have been put, or all of Podium
    been away, and nobody could give a sign.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._before: tuple[int, float] | None = None
        self._since = time.monotonic()

    def turn(self) -> int:
        """Mark runs whose heart has stopped; how many."""
        now, running = self._db.now_ms(), time.monotonic()
        before, self._before = self._before, (now, running)
        if before is not None:
            put = now - before[0] - round((running - before[1]) * 1000)
            if abs(put) > _PUT_MS:
                log.warning("the clock was put, or slept: runs are given time", ms=put)
                _begin_again(self._db, now)
        return end_the_dead(self._db, now, watched=running - self._since)


def _begin_again(db: Database, now: int) -> None:
    """The same however many workers do it."""
    beats = Run.alive_until.is_not(None) & Run.heartbeat.is_not(None)
    with db.writing() as session:
        session.execute(
            update(Run)
            .where(beats)
            .values(alive_until=now + Run.alive_until - Run.heartbeat)
            .execution_options(synchronize_session=False)
        )


def end_the_dead(
    db: Database, now: int | None = None, *, watched: float = _PATIENCE_MS / 1000
) -> int:
    """Mark runs whose heart has stopped; how many.

    None that could not yet have given a sign in the ``watched`` seconds that somebody looks on.
    """
    now = db.now_ms() if now is None else now
    overdue = select(Run).where(Run.alive_until < now).order_by(Run.id)
    if watched * 1000 < _PATIENCE_MS:
        overdue = overdue.where(Run.alive_until - Run.heartbeat < watched * 1000)
    with db.reading() as session:
        if session.scalar(overdue.limit(1)) is None:
            return 0
    with db.writing() as session:
        dead = session.scalars(overdue.with_for_update(skip_locked=True)).all()
        crashed = [run for run in dead if run.status == RunStatus.RUNNING]
        for run in dead:
            run.alive_until = None
        for run in crashed:
            run.crashed = True
            # The client has said when it began, by its own clock.
            run.end_time = max(run.start_time, run.heartbeat or 0)
            set_state(session, run, RunStatus.FAILED)
            _tag(session, run)
        return len(crashed)


def _tag(session: Session, run: Run) -> None:
    last = datetime.fromtimestamp((run.heartbeat or 0) / 1000, UTC)
    text = f"no sign of life since {last:%Y-%m-%d %H:%M:%S} UTC"
    new = insert(session, Tag).values(run=run.id, key=CRASHED_TAG, value=text)
    session.execute(
        new.on_conflict_do_update(index_elements=["run", "key"], set_={"value": new.excluded.value})
    )
