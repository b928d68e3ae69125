"""The worker's part: requests that wait are looked at again, and carried out when nothing is left
to wait for.

What they wait for may come without anybody's asking: a scan is done, a metric is logged, time goes
by. Whoever changes something that the registry knows of wakes them (``waking``), and each is looked
at from time to time besides. Nothing is locked to look; the decision is made as any other, in one
transaction that looks once more, so however many look at a request it is carried out once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

import structlog
from podium.client.errors import BadRequest, Conflict, NotFound, PermissionDenied, PodiumError
from podium.client.promotion import RequestStatus
from podium.tracker.auth.caller import LOCAL, SYSTEM
from podium.tracker.clock import is_over
from podium.tracker.db import Database
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..models import ModelVersion, RegisteredModel
from .asking import Answers, decide
from .decision import Basis
from .gates import Outside, OutsideGate, Verdict
from .read import gates_of
from .settling import LONGEST_LOOK_MS, lost_role, next_look, settle, weigh_up
from .situation import Situation, observe, votes_on
from .tables import RequestRow

_CHUNK = 200
# A turn ends after so long: what is left is due at the next.
_TURN_SECONDS = 20.0
# Longer than a request's gates take to ask. Whoever dies meanwhile leaves it to others then.
_LEASE_MS = 600_000
_LONG_MS = 600_000
_THREADS = 4
_REFUSALS = (BadRequest, Conflict, PermissionDenied)

log = structlog.get_logger("podium.promotion")


@dataclass(frozen=True, slots=True)
class Due:
    """A request whose time has come; ``look`` is what its row says of that time."""

    id: int
    name: str
    version: int
    stage: str
    look: int


@dataclass(frozen=True, slots=True)
class Later:
    """It goes on waiting: when to look again and, where it was weighed, what its row is to say."""

    at: int
    found: Mapping[str, str | int] = field(default_factory=dict)


class Review:
    """``anonymous``: nobody is asked who he is, so that what local callers have asked for counts.

    Gates that look outside of the database are asked by threads of their own, only when nothing
    else is missing: a service that hangs delays other such services at most.
    """

    def __init__(self, db: Database, outside: Outside, *, anonymous: bool) -> None:
        self._db, self._outside, self._anonymous = db, outside, anonymous
        self._threads: list[threading.Thread] = []
        self._handed_on: SimpleQueue[Due | None] = SimpleQueue()

    def turn(self) -> int:
        """Look at what is due; how many requests were to be decided."""
        ready, end = 0, time.monotonic() + _TURN_SECONDS
        later: list[tuple[Due, Later]] = []
        for due in self._due():
            if time.monotonic() > end:
                break
            try:
                found = self._look(due)
                if isinstance(found, Later):
                    later.append((due, found))
                    continue
                ready += 1
                if not found:
                    self._decide(due)
                elif self._write([(due, Later(self._db.now_ms() + _LEASE_MS))]):
                    self._hand_on(due)
            except Exception as error:  # noqa: BLE001  (it must not hold up the others)
                self._put_off(due, error)
        self._write(later)
        return ready

    def finish(self) -> None:
        """Wait for what was handed on."""
        for _ in self._threads:
            self._handed_on.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _due(self) -> Sequence[Due]:
        wanted = (
            select(
                RequestRow.id,
                RegisteredModel.name,
                ModelVersion.version,
                RequestRow.stage,
                RequestRow.next_look,
            )
            .join(RegisteredModel, RegisteredModel.id == RequestRow.model)
            .join(ModelVersion, ModelVersion.id == RequestRow.version)
            .where(
                RequestRow.status == RequestStatus.WAITING,
                is_over(RequestRow.next_look, self._db.now_ms(), longest=LONGEST_LOOK_MS),
            )
            .order_by(RequestRow.next_look, RequestRow.id)
            .limit(_CHUNK)
        )
        with self._db.reading() as session:
            return [Due(*row) for row in session.execute(wanted)]

    def _look(self, due: Due) -> Later | tuple[OutsideGate, ...]:
        """When to look again or, if it is to be decided, the gates that are to be asked for it."""
        with self._db.reading() as session:
            try:
                seen = observe(session, due.name, due.version, due.stage)
            except (BadRequest, NotFound):  # the model's stages are others by now, or it is gone
                return Later(self._db.now_ms() + _LONG_MS)
            row = seen.waiting
            if row is None or row.id != due.id:  # closed meanwhile, or overdue
                return Later(self._db.now_ms() + _LONG_MS)
            try:
                self._refuse(session, seen, row)
            except _REFUSALS:
                return Later(next_look(seen, row))
            weighed = weigh_up(session, seen, row, _former(seen, row))
            asked = tuple(
                each for each in seen.in_force.policy.gates if isinstance(each, OutsideGate)
            )
            if weighed.within:
                told: dict[str, str | int] = {
                    "digest": seen.basis.digest,
                    "policy": seen.basis.policy,
                    "gates": weighed.gates,
                }
                return Later(next_look(seen, row, weighed), told)
            return asked

    def _refuse(self, session: Session, seen: Situation, row: RequestRow) -> None:
        """What keeps a request from being carried out, whatever it waits for."""
        seen.refuse_what_cannot_be()
        refusal = lost_role(session, seen, row)
        if refusal:
            raise PermissionDenied(refusal)
        votes = votes_on(session, row, seen.version.registered)
        nobodys = {LOCAL.name, SYSTEM.name}.intersection(
            [row.requester, *(v.approver for v in votes)]
        )
        if nobodys and not self._anonymous:
            raise PermissionDenied(
                "It was asked for, or approved, when nobody was asked who he is."
            )

    def _decide(self, due: Due, outside: Outside | None = None) -> None:
        def work(session: Session, seen: Situation, answers: Answers) -> None:
            row = seen.waiting
            if row is None or row.id != due.id:
                return
            try:
                self._refuse(session, seen, row)
            except _REFUSALS:
                row.next_look = next_look(seen, row)
            else:
                settle(session, seen, row, answers)

        decide(
            self._db,
            work,
            name=due.name,
            version=due.version,
            stage=due.stage,
            outside=outside,
        )

    def _hand_on(self, due: Due) -> None:
        self._handed_on.put(due)
        if len(self._threads) < _THREADS:
            thread = threading.Thread(target=self._ask, name="podium-review", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _ask(self) -> None:
        while (due := self._handed_on.get()) is not None:
            try:
                self._decide(due, self._outside)
            except Exception as error:  # noqa: BLE001  (the others are waiting)
                # It is looked at again when the lease has run out.
                _log(due, error)

    def _put_off(self, due: Due, error: Exception) -> None:
        _log(due, error)
        self._write([(due, Later(self._db.now_ms() + _LONG_MS))])

    def _write(self, later: Sequence[tuple[Due, Later]]) -> int:
        """Note when to look again, where nobody was faster or has woken the request meanwhile; of
        how many. What is locked is being changed: it stays due. So this waits for nobody.
        """
        written = 0
        if not later:
            return 0
        with self._db.writing() as session:
            free = session.scalars(
                select(RequestRow.id)
                .where(RequestRow.id.in_([due.id for due, _ in later]))
                .with_for_update(skip_locked=True)
            ).all()
            for due, found in later:
                if due.id in free:
                    done = session.execute(
                        update(RequestRow)
                        .where(
                            RequestRow.id == due.id,
                            RequestRow.status == RequestStatus.WAITING,
                            RequestRow.next_look == due.look,
                        )
                        .values(next_look=found.at, **found.found)
                        .returning(RequestRow.id)
                    )
                    written += len(done.all())
        return written


def _former(seen: Situation, row: RequestRow) -> Answers:
    """What the gates that look outside have said before: to be told, never to be gone by."""
    if Basis(row.digest, row.policy) != seen.basis:
        return {}
    return {
        place: Verdict(found.passed, found.sentence, found.compared)
        for place, (gate, found) in enumerate(
            zip(seen.in_force.policy.gates, gates_of(row), strict=False)
        )
        if isinstance(gate, OutsideGate)
    }


def _log(due: Due, error: Exception) -> None:
    told = {"request": due.id, "model": due.name, "version": due.version, "stage": due.stage}
    if isinstance(error, PodiumError):
        log.warning("request not looked at", reason=error.message, **told)
    else:
        log.error("request not looked at", exc_info=error, **told)
