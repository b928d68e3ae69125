"""What of a launch is in its cluster now, read from there and not from what was listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from ..launch.cluster import Cluster
from ..launch.kinds import Kind
from ..launch.names import LAUNCH, Manifest, label_value
from .tables import LaunchRow

if TYPE_CHECKING:
    from .turn import Turn


def objects_of(turn: Turn, row: LaunchRow) -> list[Manifest]:
    """Those of this launch; one that another has taken over is not, nor one that it has taken from
    another without getting there whole."""
    if row.target == "kfp":
        run = turn.pipeline_run(row)
        return [run] if run else []
    found = made_of(turn.cluster, row)
    before = holder_before(turn, row)
    if before is not None:
        theirs = json.loads(before.objects)
        found = [each for each in found if named(each) not in theirs]
    workload = turn.view.workloads(row.namespace).get(row.uid or "")
    return [*found, workload] if workload else found


def made_of(cluster: Cluster, row: LaunchRow) -> list[Manifest]:
    """All that bear its label."""
    found = []
    for api_version, kind, name in json.loads(row.objects):
        there = cluster.get(Kind(api_version, kind), row.namespace, name)
        labels = (there or {}).get("metadata", {}).get("labels") or {}
        if there is not None and labels.get(LAUNCH) == label_value(row.launch_id):
            found.append(there)
    return found


def named(found: Manifest) -> list[str]:
    """As a row names its objects."""
    return [found["apiVersion"], found["kind"], found["metadata"]["name"]]


def holder_before(turn: Turn, row: LaunchRow) -> LaunchRow | None:
    """What serves in the place that this was to take, and has not taken."""
    if row.applied is not None or row.purpose != "serve":
        return None
    with turn.db.reading() as session:
        return session.scalar(
            select(LaunchRow)
            .where(
                LaunchRow.cluster == row.cluster,
                LaunchRow.namespace == row.namespace,
                LaunchRow.object_name == row.object_name,
                LaunchRow.id < row.id,
                LaunchRow.uid.is_not(None),
                LaunchRow.desired == "RUN",
                LaunchRow.ended.is_(None),
            )
            .order_by(LaunchRow.id.desc())
            .limit(1)
        )
