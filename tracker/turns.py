"""When each of the worker's jobs was done last, by any worker: written down, so that servers and
people see that nobody does them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from sqlalchemy import BigInteger, Double, String, Text, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from .db import Database, insert
from .models import Base

MAX_PROBLEM = 1000


class JobTurn(Base):
    """When a job of the worker, which comes every so many seconds, was well done last (ms).

    ``problem`` is why its latest turn failed; "" when it did not.
    """

    __tablename__ = "job_turns"

    job: Mapped[str] = mapped_column(String(100), primary_key=True)
    every: Mapped[float] = mapped_column(Double)
    done: Mapped[int] = mapped_column(BigInteger)
    problem: Mapped[str] = mapped_column(Text)


class Turns:
    """What this worker has done since it wrote it down last."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._ended: dict[str, dict[str, object]] = {}

    def ended(self, job: str, every: float, problem: str) -> None:
        """A turn of ``job``, which comes every so many seconds, ended; ``problem`` "" if well."""
        well = {"done": self._db.now_ms(), "problem": ""}
        outcome = {"problem": problem[:MAX_PROBLEM]} if problem else well
        with self._lock:
            self._ended.setdefault(job, {})
            self._ended[job] |= {"job": job, "every": every, **outcome}

    def write(self) -> int:
        """Write down what ended; how many jobs."""
        with self._lock:
            ended, self._ended = self._ended, {}
        rows = sorted(ended.values(), key=lambda row: str(row["job"]))
        if not rows:
            return 0
        with self._db.writing() as session:
            for row in rows:
                # A job that never was well is overdue from its first failure on.
                new = insert(session, JobTurn).values({"done": self._db.now_ms(), **row})
                changed = {name: row[name] for name in row if name != "job"}
                session.execute(new.on_conflict_do_update(index_elements=["job"], set_=changed))
        return len(rows)


def read(session: Session) -> Sequence[JobTurn]:
    return session.scalars(select(JobTurn).order_by(JobTurn.job)).all()


def forget(db: Database, jobs: Sequence[str]) -> None:
    """Of jobs other than these nothing is known any more: no worker of this version does them."""
    with db.writing() as session:
        session.execute(delete(JobTurn).where(JobTurn.job.not_in(jobs)))
