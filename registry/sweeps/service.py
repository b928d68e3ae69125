"""The worker's part: each sweep is looked after by one worker at a time."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable

import structlog
from podium.client.errors import PodiumError
from podium.tracker.clock import now_ms
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.worker import Job
from sqlalchemy import or_, select

from ..launches.leases import LeaseLost
from ..webhooks.steps import Step, no_step
from . import leases
from .leases import Lease
from .tables import SweepRow
from .turn import Memory, Turn

log = structlog.get_logger("podium.sweeps")


def jobs(db: Database, config: Config) -> tuple[Job, ...]:
    """None where nothing says which clusters there are."""
    if config.launch_site is None:
        return ()
    return (Job("look after sweeps", 1.0, Sweeper(db).turn, alone=True),)


class Sweeper:
    def __init__(
        self, db: Database, *, clock: Callable[[], int] = now_ms, step: Step = no_step
    ) -> None:
        self._db, self._clock, self._step = db, clock, step
        self._holder = f"{os.uname().nodename[:24]}-{uuid.uuid4().hex[:8]}"
        self._leases: dict[int, Lease] = {}
        self._memory: dict[int, Memory] = {}

    def turn(self) -> int:
        """Look after each sweep that goes on and is no other worker's; how many there were."""
        found = self._mine()
        for known in (self._leases, self._memory):
            for sweep in set(known) - set(found):
                known.pop(sweep)
        return sum(self._look_after(sweep) for sweep in found)

    def _mine(self) -> list[int]:
        now = self._clock()
        free = or_(SweepRow.holder == self._holder, SweepRow.leased_until <= now)
        with self._db.reading() as session:
            rows = select(SweepRow.id).where(SweepRow.ended.is_(None), free).order_by(SweepRow.id)
            return list(session.scalars(rows))

    def _look_after(self, sweep: int) -> bool:
        lease = self._hold(sweep)
        if lease is None:
            return False
        turn = Turn(
            self._db, lease, self._memory.setdefault(sweep, Memory()), self._clock, self._step
        )
        try:
            turn.take()
            self._say(turn, "")
        except LeaseLost:
            log.warning("lease lost", sweep=sweep)
            self._leases.pop(sweep, None)
            return False
        except PodiumError as error:
            log.warning("sweep does not go on", sweep=sweep, reason=error.message)
            self._say(turn, error.message)
        except Exception:
            log.exception("sweep does not go on", sweep=sweep)
            self._say(turn, "Something is wrong with the worker: its log says what.")
        self._leases[sweep] = turn.lease
        return True

    def _hold(self, sweep: int) -> Lease | None:
        known, now = self._leases.get(sweep), self._clock()
        if known is not None and not known.is_due(now):
            return known
        taken = leases.hold(self._db, sweep, self._holder, now)
        if taken is None:
            self._leases.pop(sweep, None)
        else:
            self._leases[sweep] = taken
        return taken

    def _say(self, turn: Turn, problem: str) -> None:
        """Why it does not go on, where that is another reason than before."""
        if turn.row.problem == problem:
            return
        with self._db.writing() as session:
            leases.held(session, turn.lease).problem = problem
