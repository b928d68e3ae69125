"""What no request waits for, done again and again: by `podium worker`, or a thread of `podium up`.

Each job may be done by any number of workers at once and cut short at any point. One that fails is
logged and tried again at its next turn; it never stops the others, nor, if it has a thread of its
own, does it wait for them.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog
from podium.client.errors import PodiumError

from .artifacts.base import ArtifactStore
from .db import Database
from .instruments import JOB_FAILURES, JOB_SECONDS
from .metrics import compact
from .runs import Watch
from .storage.count import count_when_due
from .turns import Turns, forget

# So that a database that is away is not asked, and its absence not logged, ten times a second.
_AFTER_FAILURE_SECONDS = 2.0

log = structlog.get_logger("podium.worker")


# Three of these pass before a worker that died is missed.
_WRITE_TURNS_SECONDS = 15

# Called with a job's name, its pace in seconds and why its turn failed, "" if it did not.
Ended = Callable[[str, float, str], None]


def _nobody(_job: str, _every: float, _problem: str) -> None:
    """Who is told of the turns of jobs that nobody watches."""


@dataclass(frozen=True, slots=True)
class Job:
    name: str
    every: float  # seconds
    run: Callable[[], object]
    alone: bool = False
    """In a thread of its own: it comes often, and the others may take their time."""
    finish: Callable[[], object] | None = None
    """Waits for what ``run`` has only begun: called once, at the end."""


def jobs(db: Database, store: ArtifactStore) -> tuple[Job, ...]:
    """Everything there is to do, each with its own pace."""
    return (
        Job("end runs whose heart has stopped", 5, Watch(db).turn),
        Job("compact metrics", 5, partial(compact, db)),
        Job("sweep unfinished uploads", 3600, store.sweep),
        Job("count what is stored", 60, partial(count_when_due, db, store), alone=True),
        Job("refresh planner statistics", 3600, db.optimize),
    )


def watched(todo: Sequence[Job], db: Database) -> tuple[tuple[Job, ...], Ended]:
    """The same jobs, one that writes down when they were done last, and what to tell it."""
    turns = Turns(db)
    writing = Job("write down what was done", _WRITE_TURNS_SECONDS, turns.write)
    names = [*(job.name for job in todo), writing.name]
    forgetting = Job("forget former jobs", 3600, partial(forget, db, names))
    return (*todo, forgetting, writing), turns.ended


def do_once(todo: Sequence[Job]) -> bool:
    """Do each job now, whether or not an earlier one failed; False when any did."""
    failed = [job.name for job in todo if not _attempt(job)]
    _finish(todo)
    return not failed


def work(todo: Sequence[Job], stop: threading.Event, ended: Ended = _nobody) -> None:
    """Do each job whenever it is due, until ``stop`` is set."""
    threads = [
        threading.Thread(target=_take_turns, args=((job,), stop, ended), name=job.name, daemon=True)
        for job in todo
        if job.alone
    ]
    for thread in threads:
        thread.start()
    together = [job for job in todo if not job.alone]
    if together:
        _take_turns(together, stop, ended)
    for thread in threads:
        thread.join()
    _finish(todo)


def _take_turns(todo: Sequence[Job], stop: threading.Event, ended: Ended) -> None:
    due = {job.name: time.monotonic() for job in todo}
    while not stop.is_set():
        for job in todo:
            if due[job.name] <= time.monotonic() and not stop.is_set():
                well = _attempt(job, ended)
                wait = job.every if well else max(job.every, _AFTER_FAILURE_SECONDS)
                due[job.name] = time.monotonic() + wait
        stop.wait(max(0.1, min(due.values()) - time.monotonic()))


def work_until_signalled(todo: Sequence[Job], ended: Ended = _nobody) -> None:
    """As :func:`work`, until SIGTERM or SIGINT; the job at hand is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("worker started", jobs=[job.name for job in todo])
    work(todo, stop, ended)
    log.info("worker stopped")


def start_thread(todo: Sequence[Job], ended: Ended = _nobody) -> None:
    """Work in a thread that ends with the process: the jobs bear being cut short."""
    threading.Thread(
        target=work, args=(todo, threading.Event(), ended), name="podium-worker", daemon=True
    ).start()


def _finish(todo: Sequence[Job]) -> None:
    for job in todo:
        if job.finish is not None:
            job.finish()


def _attempt(job: Job, ended: Ended = _nobody) -> bool:
    started = time.perf_counter()
    problem = ""
    try:
        result = job.run()
    except PodiumError as error:
        problem = error.message
        log.warning("job failed", job=job.name, reason=problem)
    except Exception as error:
        problem = f"{type(error).__name__}: the worker's log says where"
        log.exception("job failed", job=job.name)
    else:
        if result:  # most turns find nothing to do
            seconds = time.perf_counter() - started
            log.debug("job done", job=job.name, result=result, ms=round(seconds * 1000, 1))
    JOB_SECONDS.labels(job.name).observe(time.perf_counter() - started)
    if problem:
        JOB_FAILURES.labels(job.name).inc()
    ended(job.name, job.every, problem)
    return not problem
