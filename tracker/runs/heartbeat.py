"""Signs of life: a run that stops giving them has crashed, and one that logs again has not.

A crashed run is FAILED, which every client knows, with a tag that says more. Only runs that gave a
sign of life once are watched: MLflow's clients give none.
"""

from __future__ import annotations

from datetime import UTC, datetime

from podium.client.entities import CRASHED_TAG, RunStatus
from podium.client.errors import BadRequest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..clock import now_ms
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


def beat(db: Database, run_id: str, interval: float) -> None:
    """The run lives, and will say so again within ``interval`` seconds."""
    if not 0 < interval <= MAX_INTERVAL:
        raise BadRequest(
            f"Invalid value {interval} for parameter 'interval' supplied: it must be seconds, more "
            f"than 0 and at most {MAX_INTERVAL:.0f}."
        )
    with db.writing() as session:
        run = find_active(session, run_id, change=True)
        revive(session, run)
        if run.status == RunStatus.RUNNING:
            run.heartbeat = now_ms()
            run.alive_until = run.heartbeat + int(interval * _GRACE * 1000)


def revive_run(db: Database, run_id: str) -> None:
    with db.writing() as session:
        revive(session, find_active(session, run_id, change=True))


def revive(session: Session, run: Run) -> None:
    """Undo the crash of a run that is not dead after all; nothing for any other run."""
    if not run.crashed:
        return
    forget_crash(session, run)
    run.end_time = None
    set_state(session, run, RunStatus.RUNNING)
    run.alive_until = now_ms() + _REVIVED_MS


def forget_crash(session: Session, run: Run) -> None:
    run.crashed = False
    session.execute(delete(Tag).where(Tag.run == run.id, Tag.key == CRASHED_TAG))


def end_the_dead(db: Database) -> int:
    """Mark runs whose heart has stopped; how many."""
    now = now_ms()
    overdue = select(Run).where(Run.alive_until < now).order_by(Run.id)
    with db.reading() as session:
        if session.scalar(overdue.limit(1)) is None:
            return 0
    with db.writing() as session:
        dead = session.scalars(overdue.with_for_update(skip_locked=True)).all()
        crashed = [run for run in dead if run.status == RunStatus.RUNNING]
        for run in dead:
            run.alive_until = None
        for run in crashed:
            run.crashed, run.end_time = True, run.heartbeat
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
