"""What the database says of how the installation is doing, as gauges: one fact, whoever asks.

Each package has a reader; they are asked together, in one transaction, and what they found is kept
for some seconds, so that who reads ``/metrics`` often does not keep the database busy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field

from podium.client.errors import Unavailable
from sqlalchemy import select
from sqlalchemy.orm import Session

from . import turns
from .db import Database
from .metrics.tables import MetricBatch

_KEPT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Gauge:
    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


Reader = Callable[[Session, int], Iterable[Gauge]]
"""Called with a session and the time, in ms since 1970."""


class State:
    """The gauges of ``readers``; safe to share between threads."""

    def __init__(self, db: Database, readers: Sequence[Reader]) -> None:
        self._db, self._readers = db, tuple(readers)
        self._lock = threading.Lock()
        self._kept: tuple[Gauge, ...] = ()
        self._until = 0.0

    def gauges(self) -> tuple[Gauge, ...]:
        """All of them, at most some seconds old; the first one says whether the database answers,
        and is the only one when it does not."""
        with self._lock:
            if time.monotonic() >= self._until:
                # In a context where nobody asks: what there is, not what the caller may see.
                self._kept = Context().run(self._read)
                self._until = time.monotonic() + _KEPT_SECONDS
            return self._kept

    def _read(self) -> tuple[Gauge, ...]:
        try:
            now = self._db.now_ms()
            with self._db.reading() as session:
                found = [gauge for read in self._readers for gauge in read(session, now)]
        except Unavailable:
            found = None
        return (
            Gauge("podium_database_up", "Whether the database answers.", float(found is not None)),
            *(found or ()),
        )


def read(session: Session, now: int) -> Iterator[Gauge]:
    """The tracker's own."""
    # Ids rise with time, and this needs no index on the time.
    oldest = session.scalar(select(MetricBatch.received).order_by(MetricBatch.id).limit(1))
    yield Gauge(
        "podium_compaction_lag_seconds",
        "Age of the oldest points that are not in compressed blocks yet.",
        seconds_since(oldest, now),
    )
    for turn in turns.read(session):
        yield Gauge(
            "podium_job_overdue_seconds",
            "Time for which a job has been due in no worker.",
            max(0.0, seconds_since(turn.done, now) - turn.every),
            {"name": turn.job},
        )


def seconds_since(moment: int | None, now: int) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment) / 1000)
