"""Clearing away what has ended, once it has been kept for as long as the site says.

Most systems do that themselves. A TrainJob, a RayJob and an Experiment of Katib would stay, with
what they own; and what is told to go after a while does not go while its controller is away.
"""

from __future__ import annotations

from collections.abc import Iterator

import structlog
from podium.client.errors import ConfigError
from podium.tracker.db import Database
from sqlalchemy import select, update

from ..launch.cluster import Cluster, connect
from ..launch.kinds import kind_of
from ..launch.kube import Away, NotNow, Refused
from ..launch.site import Site
from .objects import made_of
from .tables import LaunchRow

_AT_ONCE = 500

log = structlog.get_logger("podium.launches")


def expire(db: Database, site: Site, now: int) -> int:
    """How many launches have nothing in their cluster any more.

    Only closed ones, whose logs are kept. It takes no lease: what has ended does not change, and an
    object that is gone is as good as one that was deleted.
    """
    before = now - site.keep_finished * 1000
    return sum(_expire(db, site, name, before) for name in site.clusters)


def _expire(db: Database, site: Site, name: str, before: int) -> int:
    cleared = 0
    try:
        cluster = connect(name, site.clusters[name])
        for row in _ended(db, name, before):
            if not _clear(cluster, row):
                continue
            with db.writing() as session:
                session.execute(update(LaunchRow).where(LaunchRow.id == row.id).values(uid=None))
            cleared += 1
    except (Away, ConfigError) as away:
        log.warning("not cleared away", cluster=name, reason=away.message)
    return cleared


def _clear(cluster: Cluster, row: LaunchRow) -> bool:
    """What cannot be done now, or may not be, is done another time."""
    try:
        for each in made_of(cluster, row):
            meta = each["metadata"]
            cluster.delete(kind_of(each), row.namespace, meta["name"], uid=meta["uid"])
    except (NotNow, Refused) as error:
        log.warning("not cleared away", launch=row.launch_id, reason=error.message)
        return False
    return True


def _ended(db: Database, cluster: str, before: int) -> Iterator[LaunchRow]:
    """Those that may have something there; a service's went when it ended."""
    last = 0
    while True:
        with db.reading() as session:
            rows = session.scalars(
                select(LaunchRow)
                .where(
                    LaunchRow.closed,
                    LaunchRow.cluster == cluster,
                    LaunchRow.uid.is_not(None),
                    LaunchRow.ended <= before,
                    LaunchRow.purpose != "serve",
                    LaunchRow.target != "kfp",
                    LaunchRow.id > last,
                )
                .order_by(LaunchRow.id)
                .limit(_AT_ONCE)
            ).all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1].id
