"""The worker's part: new events become deliveries, and each webhook's leave in a thread of its own.

A turn takes what is due and returns at once. Half of the threads are kept from receivers that fail
or are slow, so that those, however many, delay nobody else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from podium.client.errors import PodiumError
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring

from . import queue
from .instruments import ATTEMPTS, WAIT
from .payloads import message
from .queue import LEASE_MS, LeaseLost, Result, Shift, Task
from .sender import Answer, Sender, Session
from .spread import spread
from .steps import Step, no_step

log = structlog.get_logger("podium.webhooks")

_THREADS = 16
_SLOW_MS = 1_000
# A webhook is given back after so much, for others to have their turn.
_SHIFT_SECONDS = 5.0
# Results are written down together, but none later than this: what is not written when the process
# dies is sent a second time.
RECORD_SECONDS = 0.2


class Dispatcher:
    def __init__(
        self,
        db: Database,
        sender: Sender,
        keyring: Keyring,
        *,
        threads: int = _THREADS,
        lease_ms: int = LEASE_MS,
        clock: Callable[[], int] | None = None,
        step: Step = no_step,
    ) -> None:
        self._db, self._sender, self._keyring = db, sender, keyring
        self._threads, self._lease_ms = threads, lease_ms
        self._clock, self._step = clock or db.now_ms, step
        self._lock = threading.Lock()
        self._running: dict[threading.Thread, bool] = {}  # whether it has a suspect
        self._slow: set[int] = set()

    def turn(self) -> int:
        """Spread what is new and begin to send what is due; how many webhooks were taken up."""
        if not queue.is_waiting(self._db, self._clock()):
            return 0
        spread(self._db, self._clock(), step=self._step)
        with self._lock:
            suspects = sum(self._running.values())
            free = self._threads - len(self._running)
        begun = self._begin(free, suspect=False)
        half = max(1, self._threads // 2)
        return begun + self._begin(min(free - begun, half - suspects), suspect=True)

    def finish(self) -> None:
        """Wait for what was begun. What is left when this is cut short, others will send."""
        with self._lock:
            running = tuple(self._running)
        for thread in running:
            thread.join()

    def _begin(self, limit: int, *, suspect: bool) -> int:
        if limit <= 0:
            return 0
        with self._lock:
            slow = tuple(self._slow)
        shifts = queue.claim(
            self._db,
            self._clock(),
            lease_ms=self._lease_ms,
            limit=limit,
            suspects=suspect,
            slow=slow,
        )
        if shifts:
            self._step("claimed")
        for shift in shifts:
            thread = threading.Thread(
                target=self._work, args=(shift,), name="podium-webhook", daemon=True
            )
            with self._lock:
                self._running[thread] = suspect
            thread.start()
        return len(shifts)

    def _work(self, shift: Shift) -> None:
        """Send what one webhook has waiting, one after another, for a while."""
        tasks = shift.tasks
        end = time.monotonic() + _SHIFT_SECONDS
        try:
            with self._sender.session() as session:
                while tasks:
                    results = self._send(session, shift.webhook, tasks)
                    tasks = queue.record(
                        self._db,
                        shift,
                        results,
                        self._clock(),
                        lease_ms=self._lease_ms,
                        go_on=time.monotonic() < end,
                        step=self._step,
                    )
                    self._step("recorded")
        except LeaseLost:
            log.warning("lease lost", webhook=shift.webhook)
        except PodiumError as error:
            # The lease runs out, and then somebody tries again.
            log.warning("deliveries not recorded", reason=error.message)
        except Exception:
            log.exception("deliveries failed")
        finally:
            with self._lock:
                self._running.pop(threading.current_thread())

    def _send(self, session: Session, webhook: int, tasks: Sequence[Task]) -> list[Result]:
        """Send in order, up to the first failure: what comes behind it may have to wait for it."""
        results: list[Result] = []
        end = time.monotonic() + RECORD_SECONDS
        for task in tasks:
            answer = self._attempt(session, task)
            results.append(Result(task, answer, self._clock()))
            self._step("sent")
            with self._lock:
                (self._slow.add if answer.ms >= _SLOW_MS else self._slow.discard)(webhook)
            if not answer.accepted or time.monotonic() >= end:
                break
        return results

    def _attempt(self, session: Session, task: Task) -> Answer:
        try:
            secrets = [self._keyring.decrypt(secret) for secret in task.secrets]
        except PodiumError as error:
            return Answer(None, 0, error=error.message)
        now = self._clock()
        if task.number == 1 and not task.told.replay:
            WAIT.observe(max(0, now - task.told.created) / 1000)
        answer = session.send(
            message(task.url, task.payload, task.told, secrets, now=now, number=task.number)
        )
        ATTEMPTS.labels("accepted" if answer.accepted else "failed").inc()
        return answer
