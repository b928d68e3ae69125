"""What clusters have of launches that no row knows, and launches of which they have nothing.

It comes about when an older backup is restored, or an installation is made anew over clusters that
have something running. A row is written before its objects are, and objects are listed before rows
are read: what nobody knows then belongs to nobody here. What is younger than a quarter of an hour
is left out all the same, and what is deleted is named by its uid in a report from before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from podium.client.errors import Unavailable
from podium.client.launches import ForeignObject, LostLaunch, Orphans
from podium.tracker import audit
from podium.tracker.clock import now_ms
from podium.tracker.db import Database, insert
from sqlalchemy import select

from ..launch import rbac
from ..launch.cluster import Cluster
from ..launch.kinds import PLURALS, Kind
from ..launch.kube import Refused
from ..launch.names import LAUNCH, MANAGER, Manifest
from ..launch.site import Site, allowed
from .live import cluster_of
from .tables import LaunchCluster, LaunchRow

GRACE_MS = 15 * 60_000
_OURS = f"app.kubernetes.io/managed-by={MANAGER}"
_LAUNCH_ID = re.compile(r"[0-9a-f]{32}")  # what was rendered by hand has another label


_LISTED = {each for made in rbac.OBJECTS.values() for each in made if "list" in rbac.launched(each)}
# What says how a launch stands; the rest of it belongs to that.
KINDS = tuple(
    kind
    for version, plurals in PLURALS.items()
    for name, plural in plurals.items()
    if ((kind := Kind(version, name)).group, plural) in _LISTED
)


@dataclass(slots=True)
class _Found:
    """Of one cluster. ``listed`` are the kinds and namespaces that could be."""

    objects: list[Manifest] = field(default_factory=list)
    listed: set[tuple[str, str, str]] = field(default_factory=set)
    unseen: list[str] = field(default_factory=list)


def find(db: Database, site: Site, *, grace: int = GRACE_MS) -> Orphans:
    """Both, over all clusters; ``unseen`` says what could not be looked at, and why.

    It looks in the namespaces that the site names in full, and in those that launches went to.
    ``grace`` is how old something has to be, in ms.
    """
    found = {name: _look(db, site, name) for name in site.clusters}
    before = now_ms() - grace
    foreign: dict[str, ForeignObject] = {}
    lost: list[LostLaunch] = []
    for name, there in found.items():
        known = _known(db, {_launch(each) for each in there.objects})
        for each in there.objects:
            if _launch(each) not in known and _created(each) < before:
                told = _tell(name, each)
                foreign.setdefault(told.uid, told)  # a server may be under two names
        lost += _lost(db, name, there, before)
    unseen = tuple(said for there in found.values() for said in there.unseen)
    return Orphans(tuple(foreign.values()), tuple(lost), unseen)


def delete(
    db: Database, site: Site, uids: Collection[str], *, grace: int = GRACE_MS
) -> tuple[ForeignObject, ...]:
    """Those of the uids that are still what :func:`find` tells of, with what they own."""
    gone = []
    for each in find(db, site, grace=grace).objects:
        if each.uid not in uids:
            continue
        kind = Kind(each.api_version, each.kind)
        cluster = cluster_of(site, each.cluster)
        with db.writing() as session:
            audit.record(
                session,
                "launch.orphan.delete",
                f"launch:{each.launch_id}",
                before={
                    "cluster": each.cluster,
                    "namespace": each.namespace,
                    "kind": each.kind,
                    "name": each.name,
                },
            )
        cluster.delete(kind, each.namespace, each.name, uid=each.uid)
        gone.append(each)
    return tuple(gone)


def count(db: Database, site: Site) -> int:
    """For the worker: write down how many there are, so that a page can say it."""
    found = find(db, site)
    with db.writing() as session:
        for name in site.clusters:
            strays = sum(each.cluster == name for each in found.objects)
            table = insert(session, LaunchCluster).values(name=name, strays=strays)
            session.execute(
                table.on_conflict_do_update(index_elements=["name"], set_={"strays": strays})
            )
    return len(found.objects)


def _look(db: Database, site: Site, name: str) -> _Found:
    found = _Found()
    try:
        cluster = cluster_of(site, name)
        for namespace in _namespaces(db, site, name):
            for kind in KINDS:
                _list(cluster, kind, namespace, found)
    except Unavailable as away:
        found.unseen.append(away.message)
    return found


def _list(cluster: Cluster, kind: Kind, namespace: str, found: _Found) -> None:
    try:
        items = cluster.list(kind, namespace, labels=_OURS).items
    except Refused as refused:
        if refused.code_number != 404:  # else its system is not installed
            found.unseen.append(f"{kind.kind}s in {namespace} of {cluster.name}: {refused.message}")
        return
    found.listed.add((kind.api_version, kind.kind, namespace))
    found.objects += (each for each in items if _launch(each) and _is_its_own(each))


def _namespaces(db: Database, site: Site, name: str) -> list[str]:
    with db.reading() as session:
        been = session.scalars(
            select(LaunchRow.namespace).where(LaunchRow.cluster == name).distinct()
        ).all()
    own = site.clusters[name].namespace
    plain = {each for each in site.namespaces if not re.search(r"[*?\[]", each)}
    return sorted({own, *plain, *(each for each in been if allowed(each, site.namespaces))})


def _known(db: Database, launches: Iterable[str]) -> set[str]:
    wanted = sorted(launches)
    found: set[str] = set()
    with db.reading() as session:
        for start in range(0, len(wanted), 500):
            some = LaunchRow.launch_id.in_(wanted[start : start + 500])
            found.update(session.scalars(select(LaunchRow.launch_id).where(some)))
    return found


def _lost(db: Database, name: str, there: _Found, before: int) -> Iterator[LostLaunch]:
    names = {
        (each["apiVersion"], each["kind"], each["metadata"]["namespace"], each["metadata"]["name"])
        for each in there.objects
    }
    open_ = (LaunchRow.ended.is_(None), LaunchRow.uid.is_not(None), LaunchRow.applied < before)
    with db.reading() as session:
        rows = session.scalars(
            select(LaunchRow)
            .where(LaunchRow.cluster == name, LaunchRow.target != "kfp", *open_)
            .order_by(LaunchRow.id)
        ).all()
    for row in rows:
        version, kind, called = json.loads(row.objects)[-1]
        was_listed = (version, kind, row.namespace) in there.listed
        if was_listed and (version, kind, row.namespace, called) not in names:
            yield LostLaunch(row.launch_id, row.name, row.state, name, row.namespace, kind, called)


def _tell(cluster: str, found: Manifest) -> ForeignObject:
    meta = found["metadata"]
    return ForeignObject(
        cluster=cluster,
        namespace=meta["namespace"],
        api_version=found["apiVersion"],
        kind=found["kind"],
        name=meta["name"],
        uid=meta["uid"],
        launch_id=_launch(found),
        created=_created(found),
    )


def _launch(found: Manifest) -> str:
    labels: Mapping[str, str] = found["metadata"].get("labels") or {}
    said = labels.get(LAUNCH, "")
    return said if _LAUNCH_ID.fullmatch(said) else ""


def _is_its_own(found: Manifest) -> bool:
    """What belongs to another goes with that; what is going already needs nobody."""
    meta = found["metadata"]
    return not meta.get("ownerReferences") and not meta.get("deletionTimestamp")


def _created(found: Manifest) -> int:
    at = str(found["metadata"].get("creationTimestamp") or "")
    try:
        return int(datetime.fromisoformat(at).timestamp() * 1000)
    except ValueError:  # nobody knows: it may be new
        return now_ms()
