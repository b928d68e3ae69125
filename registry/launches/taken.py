"""Whose the objects are that a service would take over.

A service is called by what it serves, so that the next version takes its place; and an apply takes
whatever has the name. Another Podium that launches into the namespace calls the same the same, and
the two would take turns for ever. What a launch of this server has made may be taken over.
"""

from __future__ import annotations

from podium.tracker.db import Database
from sqlalchemy import select

from ..launch.cluster import Cluster
from ..launch.diagnose import Diagnosis
from ..launch.kinds import kind_of
from ..launch.names import LAUNCH, Manifest
from ..launch.spec import Purpose
from .plan import Plan
from .tables import LaunchRow


def taken(db: Database, cluster: Cluster, plan: Plan, manifest: Manifest) -> Diagnosis | None:
    """Why this object of a plan is not to be applied; None where it may be.

    A launch that an older backup does not know is as good as another server's.
    """
    if plan.spec.purpose is not Purpose.SERVE:  # what else there is bears its launch in its name
        return None
    kind, meta = kind_of(manifest), manifest["metadata"]
    there = cluster.get(kind, meta["namespace"], meta["name"])
    if there is None:
        return None
    owner = (there["metadata"].get("labels") or {}).get(LAUNCH)
    with db.reading() as session:
        known = select(LaunchRow.id).where(LaunchRow.launch_id == owner)
        if owner and session.scalar(known) is not None:
            return None
    named = f"There is a {kind.kind} {meta['name']} already in {meta['namespace']}"
    if not owner:
        return Diagnosis(
            "NameTaken",
            f"{named}, that no launch has made.",
            "Delete it, or name another namespace in the spec.",
        )
    return Diagnosis(
        "NameTaken",
        f"{named}, of launch {owner}, which this server does not know.",
        "If another Podium launches into this namespace, give each a namespace of its own; what "
        "was launched after a backup that was restored, podium launch orphans --delete removes.",
    )
