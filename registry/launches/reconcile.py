"""The worker's part: each cluster is looked after by one worker, in a thread of its own.

So a cluster that does not answer delays no other. It is left alone for a while then, and what was
launched there stands as it stood.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import structlog
from podium.client.errors import PodiumError
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.clock import is_over
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.worker import Job
from sqlalchemy import or_, select

from ..launch.cluster import connect
from ..launch.kube import Away
from ..launch.site import Connection, Site
from ..webhooks.steps import Step, no_step
from . import leases, orphans
from .expire import expire
from .leases import Lease, LeaseLost
from .pipelines import Pipelines
from .sites import read_site
from .tables import LaunchRow
from .turn import Memory, Turn
from .view import View

_QUIET_MS = 10_000  # so long nothing is looked at where nothing happens

log = structlog.get_logger("podium.launches")


def jobs(db: Database, store: ArtifactStore, config: Config) -> tuple[Job, ...]:
    """None where nothing says which clusters there are."""
    if config.launch_site is None:
        return ()
    worker = Reconciler(db, store, site=config.launch_site, artifacts=config.artifacts)
    return (
        Job("look after launches", 1.0, worker.turn, alone=True, finish=worker.finish),
        Job("clear away what has ended", 600, worker.expire, alone=True),
        Job("count what no launch knows", 3600, worker.count_orphans, alone=True),
    )


class Reconciler:
    def __init__(
        self,
        db: Database,
        store: ArtifactStore,
        *,
        site: Path | None,
        artifacts: str,
        clock: Callable[[], int] | None = None,
        step: Step = no_step,
        watches: bool = True,
    ) -> None:
        self._db, self._store, self._site, self._artifacts = db, store, site, artifacts
        self._clock, self._step, self._watches = clock or db.now_ms, step, watches
        self._holder = f"{os.uname().nodename[:24]}-{uuid.uuid4().hex[:8]}"
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Thread] = {}
        self._charges: dict[str, Charge] = {}

    def turn(self) -> int:
        """Begin to look after each cluster that has launches; how many were taken up."""
        site = read_site(self._site)
        busy = self._busy_clusters()
        leases.note_named(self._db, site.clusters, busy - {""}, self._clock())
        if not busy:
            return 0
        begun = 0
        for name, connection in site.clusters.items():
            with self._lock:
                if name in self._busy:
                    continue
                charge = self._charge(name, connection)
                thread = threading.Thread(
                    target=self._work,
                    args=(charge, site),
                    name=f"podium-launches-{name}",
                    daemon=True,
                )
                self._busy[name] = thread
            thread.start()
            begun += 1
        return begun

    def look_after(self, name: str) -> int:
        """One turn over a cluster, now: how many launches there were."""
        site = read_site(self._site)
        return self._charge(name, site.clusters[name]).turn(site)

    def count_orphans(self) -> int:
        return orphans.count(self._db, read_site(self._site))

    def expire(self) -> int:
        return expire(self._db, read_site(self._site), self._clock())

    def finish(self) -> None:
        with self._lock:
            running = tuple(self._busy.values())
        for thread in running:
            thread.join()
        for charge in self._charges.values():
            charge.close()

    def _work(self, charge: Charge, site: Site) -> None:
        try:
            charge.turn(site)
        except LeaseLost:
            log.warning("lease lost", cluster=charge.name)
        except PodiumError as error:
            log.warning("cluster not looked after", cluster=charge.name, reason=error.message)
        except Exception:
            log.exception("cluster not looked after", cluster=charge.name)
        finally:
            with self._lock:
                self._busy.pop(charge.name, None)

    def _busy_clusters(self) -> set[str]:
        """Those with launches that something is left to do for; "" where one has no cluster yet."""
        with self._db.reading() as session:
            return set(
                session.scalars(select(LaunchRow.cluster).where(~LaunchRow.closed).distinct())
            )

    def _charge(self, name: str, connection: Connection) -> Charge:
        known = self._charges.get(name)
        if known is None or known.connection != connection:
            known = self._charges[name] = Charge(
                name,
                connection,
                self._db,
                self._store,
                self._artifacts,
                holder=self._holder,
                clock=self._clock,
                step=self._step,
                watches=self._watches,
            )
        return known


class Charge:
    """One cluster, and what this worker knows of it between its turns."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        db: Database,
        store: ArtifactStore,
        artifacts: str,
        *,
        holder: str,
        clock: Callable[[], int],
        step: Step,
        watches: bool,
    ) -> None:
        self.name, self.connection = name, connection
        self._db, self._store, self._artifacts = db, store, artifacts
        self._holder, self._clock, self._step, self._watches = holder, clock, step, watches
        self._memory = Memory()
        self._lease: Lease | None = None
        self._view: View | None = None
        self._pipelines = Pipelines(name, connection) if connection.pipelines else None
        self._woken = threading.Event()
        self._quiet_until = 0
        self._fence = 0

    def turn(self, site: Site) -> int:
        now = self._clock()
        if not self._is_due(now):
            return 0
        lease = self._hold(now)
        if lease is None:
            return 0
        try:
            self._woken.clear()
            self._quiet_until = now + _QUIET_MS
            turn = self._turn(site, lease)
            found = turn.take()
        except LeaseLost:
            self._lease = None
            raise
        except Away as away:
            self._lease, self._quiet_until = None, 0
            leases.note_away(self._db, lease, away.message, self._clock())
            raise
        self._lease = turn.lease
        if lease.failures:
            leases.note_back(self._db, turn.lease)
            self._lease = None
        return found

    def close(self) -> None:
        if self._view is not None:
            self._view.close()

    def _is_due(self, now: int) -> bool:
        """Whether a watch told of something, it has been quiet for long, or a row waits for us."""
        if self._woken.is_set() or is_over(self._quiet_until, now, longest=_QUIET_MS):
            return True
        waits = or_(
            (LaunchRow.ended.is_not(None)),
            (LaunchRow.desired == "STOP"),
            (LaunchRow.uid.is_(None) & (LaunchRow.due <= now)),
        )
        mine = LaunchRow.cluster.in_((self.name, ""))
        with self._db.reading() as session:
            found = select(LaunchRow.id).where(~LaunchRow.closed, mine, waits).limit(1)
            return session.scalar(found) is not None

    def _hold(self, now: int) -> Lease | None:
        """The lease from before as long as half of it is left, else it is asked for."""
        half = leases.LEASE_MS // 2
        if self._lease is not None and not is_over(self._lease.until - half, now, longest=half):
            return self._lease
        taken = leases.hold(self._db, self.name, self._holder, now)
        if taken is not None and taken.fence != self._fence:
            self._fence = taken.fence
            if self._view is not None:
                self._view.look_again()
        self._lease = taken
        return taken

    def _turn(self, site: Site, lease: Lease) -> Turn:
        cluster = connect(self.name, self.connection)
        if self._view is None:
            self._view = View(cluster, self._woken.set, watches=self._watches)
        return Turn(
            db=self._db,
            store=self._store,
            site=site,
            artifacts=self._artifacts,
            cluster=cluster,
            pipelines=self._pipelines,
            view=self._view,
            lease=lease,
            memory=self._memory,
            first=next(iter(site.clusters)) == self.name,
            clock=self._clock,
            step=self._step,
        )
