"""Files that wait for the server, and the threads that take them there.

Promises: :meth:`Uploads.put` copies and returns; a file logged again under the same name replaces
the one that waits, and never arrives before it; no error leaves these threads. A file waits out an
outage as everything else does; one that is refused for good is named in a warning.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, Thread

from .artifacts import Source, Staged, Staging
from .errors import PodiumError, Unreachable
from .lane import Lane
from .progress import Progress
from .report import Reporter, log
from .retry import Backoff, Outage, may_pass
from .storage import SINGLE_LIMIT, Multipart, Storage, StorageError
from .transport import Transport

TICK = 0.2
THREADS = 4
ATTEMPTS = 6  # at a store that answers, and refuses
_LOCATION = "mlflow-artifacts:/"


@dataclass(slots=True, eq=False)
class Job:
    lane: Lane
    file: Staged
    not_before: float = 0.0
    failures: int = 0
    sent: int = 0  # bytes, in this attempt
    furthest: int = 0  # bytes, in the attempt that got furthest
    direct: bool = True  # straight to S3, where the server allows it
    parts: Multipart | None = None
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def key(self) -> tuple[str, str]:
        return self.lane.run_id, self.file.path


class Uploads:
    def __init__(self, transport: Transport | None, reporter: Reporter, outage: Outage) -> None:
        self.transport = transport
        self._reporter = reporter
        self._outage = outage
        self._staging = Staging(reporter)
        self._storage: Storage | None = None
        self._changed = Condition()  # its lock is reentrant, as a signal handler needs it
        self._waiting: dict[tuple[str, str], Job] = {}
        self._sending: dict[tuple[str, str], Job] = {}
        self._threads = 0
        self._closed = False
        self._flushing = 0
        self._moved = 0  # bytes sent, without those that were sent before
        self._advances = 0  # how often a file got further

    def put(self, lane: Lane, sources: Sequence[Source]) -> None:
        """Keep a copy of each file and send it later."""
        for job in [Job(lane, self._staging.copy(source)) for source in sources]:
            with self._changed:
                replaced = self._waiting.pop(job.key, None)
                self._waiting[job.key] = job
                self._closed = False
                self._begin_thread()
                self._changed.notify()
            if replaced is not None:
                replaced.file.discard()

    def jobs(self, lanes: Collection[Lane]) -> list[Job]:
        """What these runs still have to send."""
        with self._changed:
            jobs = [*self._sending.values(), *self._waiting.values()]
        return [job for job in jobs if job.lane in lanes]

    def copies(self, lanes: Collection[Lane]) -> list[Path]:
        """Where the files lie that these runs still have to send."""
        contents = [job.file.content for job in self.jobs(lanes)]
        return [content for content in contents if isinstance(content, Path)]

    def flush(self, timeout: float, lanes: Collection[Lane], *, extend: float) -> bool:
        """Wait until these runs have no file to send; whether they have none.

        At most ``timeout`` seconds, or ``extend`` seconds after a file last got further.
        """
        progress, advances = Progress(), self._advances
        deadline = time.monotonic() + timeout
        with self._changed:
            self._flushing += 1
        try:
            while jobs := self.jobs(lanes):
                now = time.monotonic()
                if self._advances != advances:
                    advances, deadline = self._advances, max(deadline, now + extend)
                if now >= deadline or self._outage.hopeless or self.transport is None:
                    return False
                progress.show(len(jobs), sum(job.file.size for job in jobs), self._moved)
                with self._changed:
                    self._changed.wait(min(TICK, deadline - now))
            return True
        finally:
            progress.clear()
            with self._changed:
                self._flushing -= 1

    def close(self) -> None:
        """Let the threads end, and the folder if it is empty; :meth:`put` begins again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._staging.remove()

    def _begin_thread(self) -> None:
        if self._threads >= min(THREADS, len(self._waiting) + len(self._sending)):
            return
        try:
            Thread(target=self._work, name="podium-upload", daemon=True).start()
            self._threads += 1
        except RuntimeError as error:  # the interpreter is shutting down, or threads ran out
            log.warning("podium: no thread can be started to send files: %s", error)

    def _work(self) -> None:
        while (job := self._take()) is not None:
            try:
                self._attempt(job)
            except Exception:  # noqa: BLE001  (the top of the thread: training must not feel it)
                log.exception("podium: sending %s failed and will be tried again", job.file.path)
                self._put_back(job, after=1.0)

    def _take(self) -> Job | None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for key, job in self._waiting.items():
                    if self._ready(job, now):
                        del self._waiting[key]
                        self._sending[key] = job
                        return job
                self._changed.wait(TICK if self._waiting else None)
            self._threads -= 1
            return None

    def _ready(self, job: Job, now: float) -> bool:
        lane = job.lane
        return (
            job.key not in self._sending
            and now >= job.not_before
            and self.transport is not None
            and (lane.refused is not None or (lane.exists and not self._outage.pausing))
        )

    def _attempt(self, job: Job) -> None:
        try:
            if job.lane.refused is None:
                self._send(job)
                self._outage.end()
        except StorageError as error:
            self._after_storage_error(job, error.cause)
            return
        except PodiumError as error:
            job.failures += 1
            if may_pass(error, job.failures):
                self._outage.begin(error, hurry=self._flushing > 0)
                self._put_back(job)
                return
            self._give_up(job, error)
        except OSError as error:
            self._give_up(job, error)
        self._finish(job)

    def _send(self, job: Job) -> None:
        assert self.transport is not None  # noqa: S101  (_ready has seen it)
        if self._storage is None:
            self._storage = Storage(self.transport)
        storage = self._storage
        folder = _folder(self.transport, job.lane)
        job.sent = len(job.parts.etags) * job.parts.part_size if job.parts else 0

        def moved(count: int) -> None:
            self._count(job, count)

        if not job.direct:
            storage.put_through_server(folder, job.file, moved)
        elif job.file.size <= SINGLE_LIMIT or not storage.has_s3:
            storage.put(job.lane.run_id, folder, job.file, moved)
        else:
            if job.parts is None:
                job.parts = storage.begin(folder, job.file, moved)
            storage.put_parts(job.parts, job.file, moved)

    def _after_storage_error(self, job: Job, error: PodiumError) -> None:
        """Try again with new signatures, for the old may have run out, or by way of the server."""
        if job.parts is not None and not error.retryable:
            self._abandon_parts(job)
        if isinstance(error, Unreachable) and job.backoff.failures > 0:
            job.direct = False
            self._abandon_parts(job)
        if job.backoff.failures + 1 >= ATTEMPTS and not error.retryable:
            self._give_up(job, error)
            self._finish(job)
        else:
            self._put_back(job, after=job.backoff.after(error))

    def _abandon_parts(self, job: Job) -> None:
        if job.parts is not None and self._storage is not None:
            self._storage.abort(job.parts)
            job.parts = None

    def _put_back(self, job: Job, *, after: float = 0.0) -> None:
        job.not_before = time.monotonic() + after
        with self._changed:
            del self._sending[job.key]
            newer = self._waiting.setdefault(job.key, job) is not job
            self._changed.notify_all()
        if newer:
            self._abandon_parts(job)
            job.file.discard()

    def _finish(self, job: Job) -> None:
        job.file.discard()
        with self._changed:
            del self._sending[job.key]
            self._changed.notify_all()

    def _give_up(self, job: Job, error: Exception) -> None:
        self._abandon_parts(job)
        self._reporter.once(
            f"{job.key}", f"{job.file.path} of run {job.lane.run_id} was not stored: {error}"
        )

    def _count(self, job: Job, count: int) -> None:
        """A file that is refused again and again moves bytes, but gets no further."""
        job.sent += count
        if job.sent > job.furthest:
            self._moved += job.sent - job.furthest
            job.furthest = job.sent
            self._advances += 1
        elif count == 0 and job.failures + job.backoff.failures == 0:
            self._advances += 1


def _folder(transport: Transport, lane: Lane) -> str:
    """Where the run's files lie on the server's side of the artifact proxy."""
    if lane.artifact_uri is None:
        query = {"run_id": lane.run_id}
        answer = transport.request("GET", "/api/2.0/mlflow/runs/get", query=query).json()
        lane.artifact_uri = str(answer["run"]["info"]["artifact_uri"])
    if not lane.artifact_uri.startswith(_LOCATION):
        raise PodiumError(f"its files belong to {lane.artifact_uri}, which is not the server's.")
    return lane.artifact_uri.removeprefix(_LOCATION).strip("/")
