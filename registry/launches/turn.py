"""One turn over the launches of one cluster: what is new goes there, what is there is looked at.

Level-triggered: each turn begins from the rows and from what the cluster has, never from what an
earlier turn meant to do, so it may be cut short anywhere. In this order a launch is planned, its
run made, its objects applied, and their uid written down; a worker that dies in between leaves the
same to be done again, to the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..launch.cluster import Cluster
from ..launch.diagnose import diagnose
from ..launch.kube import NotNow, Refused
from ..launch.names import Manifest
from ..launch.site import Site
from ..launch.spec import Owner
from ..webhooks.steps import Step, no_step
from . import leases
from .leases import Lease
from .pipelines import Pipelines
from .plan import Plan, asked, complete, make_plan
from .tables import LaunchRow
from .view import View
from .write import remark

_MOST = 5_000  # launches of one turn

log = structlog.get_logger("podium.launches")

Slots = dict[tuple[str, str], LaunchRow]
"""By namespace and name of its object, the newest launch of each service."""


@dataclass(slots=True)
class Memory:
    """What a worker knows between its turns; it may forget it. Moments are monotonic seconds."""

    applied: dict[int, float] = field(default_factory=dict)
    """When a launch was brought to the cluster: lists from before say nothing of it."""
    stopped: dict[int, float] = field(default_factory=dict)
    """When it was last told to stop, so that it is not told ten times a second."""
    refused: dict[int, Refused] = field(default_factory=dict)
    """What the cluster would not have done for it."""
    told: dict[int, str] = field(default_factory=dict)
    """What was said of that, so that it is said once."""


@dataclass(slots=True)
class Turn:
    """``first``: launches that name no cluster are this one's."""

    db: Database
    store: ArtifactStore
    site: Site
    artifacts: str
    cluster: Cluster
    pipelines: Pipelines | None
    view: View
    lease: Lease
    memory: Memory
    first: bool = True
    clock: Callable[[], int] = now_ms
    step: Step = no_step

    @property
    def now(self) -> int:
        return self.clock()

    def take(self) -> int:
        """How many launches there were. :class:`.kube.Away` when the cluster does not answer."""
        from . import begin, close, look

        rows = self.rows()
        for row in rows:
            if not row.object_name and row.ended is None and close.leave(self, row):
                begin.plan(self, row)
        rows = self.rows()
        newest = slots(rows)
        for row in rows:
            if row.ended is None and row.object_name:
                begin.begin(self, row, newest)
        look.look(self, [row for row in self.rows() if row.object_name and row.ended is None])
        for row in self.rows():
            if row.ended is not None:
                close.close(self, row)
        return len(rows)

    def rows(self) -> list[LaunchRow]:
        """Those of this cluster that something is left to do for, in the order of their starts."""
        mine = LaunchRow.cluster == self.cluster.name
        unplanned = LaunchRow.cluster == ""
        with self.db.reading() as session:
            found = session.scalars(
                select(LaunchRow)
                .where(~LaunchRow.closed, or_(mine, unplanned))
                .order_by(LaunchRow.id)
                .limit(_MOST)
            ).all()
        return [row for row in found if row.cluster or self._goes_here(row)]

    def _goes_here(self, row: LaunchRow) -> bool:
        named = asked(row.spec).get("cluster")
        # What names a cluster that is none is refused by whoever has the first.
        here = self.first and (named is None or named not in self.site.clusters)
        return here or named == self.cluster.name

    def plan_of(self, row: LaunchRow) -> Plan:
        """:class:`InvalidLaunch` when the site no longer allows it."""
        data = asked(row.spec)
        if row.run_id:
            data["run_id"] = row.run_id
        with self.db.reading() as session:
            data = complete(session, data, artifacts=self.artifacts, model=row.model)
        return make_plan(data, self.site, owner=Owner(launch_id=row.launch_id, attempt=row.attempt))

    def pipeline_run(self, row: LaunchRow) -> Manifest | None:
        """What Kubeflow Pipelines has of it; :class:`.kube.NotNow` where it cannot be asked."""
        if self.pipelines is None:
            raise NotNow(
                f"The cluster {self.cluster.name} has no Kubeflow Pipelines any more: "
                "the site's file names none."
            )
        if row.uid:
            return self.pipelines.get(row.uid)
        return self.pipelines.find(row.object_name)

    @contextmanager
    def writing(self, row: LaunchRow) -> Iterator[tuple[Session, LaunchRow | None]]:
        """A transaction under the lease, with the row as it is now; None once that has ended."""
        with self.db.writing() as session:
            leases.check(session, self.lease)
            yield session, current(session, row)

    def remark(self, row: LaunchRow, error: Refused | NotNow) -> None:
        """That the cluster would not have something done: told once, with the right it lacks."""
        log.warning("not done", launch=row.launch_id, reason=error.message)
        if isinstance(error, NotNow):  # its words are others each time
            self._tell_once(row, "", "NotNow", error.message)
            return
        self.memory.refused[row.id] = error
        found = diagnose([error.answer])
        if found is not None:
            self._tell_once(row, error.message, found.code, f"{found.sentence} {found.fix}")

    def _tell_once(self, row: LaunchRow, what: str, reason: str, message: str) -> None:
        if self.memory.told.get(row.id) == what:
            return
        self.memory.told[row.id] = what
        with self.db.writing() as session:
            leases.check(session, self.lease)
            there = session.get(LaunchRow, row.id)
            if there is not None:
                remark(session, there, reason, message)

    def keep_lease(self) -> None:
        """When a turn takes its time; :class:`.leases.LeaseLost` when it took too much."""
        if self.lease.until - leases.LEASE_MS // 2 < self.now:
            self.lease = leases.extend(self.db, self.lease, self.now)


def current(session: Session, row: LaunchRow) -> LaunchRow | None:
    return session.scalar(
        select(LaunchRow)
        .where(LaunchRow.id == row.id, LaunchRow.ended.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def slots(rows: list[LaunchRow]) -> Slots:
    """``rows`` are in the order of their starts: the last of a service is the one that counts."""
    return {
        (row.namespace, row.object_name): row
        for row in rows
        if row.purpose == "serve" and row.ended is None and row.object_name
    }
