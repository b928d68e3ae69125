"""What lists and pages say of many things at once, in one query each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from podium.client.entities import LifecycleStage, RunStatus
from sqlalchemy import case, func, select

from .db import Database
from .experiments import parse_experiment_id
from .models import MetricSummary, Run
from .runs.read import find_run


@dataclass(frozen=True, slots=True)
class Activity:
    """Of an experiment: its active runs, how many of them go on, and when the last one began."""

    runs: int = 0
    running: int = 0
    last_start: int | None = None


@dataclass(frozen=True, slots=True)
class MetricOverview:
    """One key of a run. ``low`` and ``high`` are None when no value was a number."""

    key: str
    last: float
    last_step: int
    low: float | None
    high: float | None
    points: int


def activity(db: Database, experiment_ids: Sequence[str]) -> dict[str, Activity]:
    """By experiment id; one without active runs is left out."""
    ids = [parse_experiment_id(each) for each in experiment_ids]
    running = func.sum(case((Run.status == RunStatus.RUNNING, 1), else_=0))
    with db.reading() as session:
        rows = session.execute(
            select(Run.experiment_id, func.count(), running, func.max(Run.start_time))
            .where(Run.experiment_id.in_(ids), Run.lifecycle_stage == LifecycleStage.ACTIVE)
            .group_by(Run.experiment_id)
        )
        return {str(row[0]): Activity(row[1], int(row[2]), row[3]) for row in rows}


def metrics_of(db: Database, run_id: str) -> list[MetricOverview]:
    """Every metric of a run, by key."""
    table = MetricSummary
    columns = (table.key, table.last_value, table.last_step, table.min_value, table.max_value)
    with db.reading() as session:
        rows = session.execute(
            select(*columns, table.points)
            .where(table.run == find_run(session, run_id).id)
            .order_by(table.key)
        )
        return [
            MetricOverview(key, math.nan if last is None else last, step, low, high, points)
            for key, last, step, low, high, points in rows
        ]
