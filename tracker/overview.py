"""What lists and pages say of many things at once, in one query each."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from podium.client.entities import LifecycleStage, ModelStatus, RunStatus
from sqlalchemy import case, func, select

from .artifacts.paths import ArtifactPath, parse_artifact_uri
from .db import Database
from .experiments import parse_experiment_id
from .logged_models.tables import LoggedModel, RunModel
from .metrics.tables import MetricSummary
from .models import Run
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


@dataclass(frozen=True, slots=True)
class ModelOverview:
    """A logged model that a run has made, or read where ``step`` is None."""

    model_id: str
    name: str
    status: ModelStatus
    lifecycle_stage: LifecycleStage
    step: int | None


@dataclass(frozen=True, slots=True)
class Folder:
    """Where files are kept: a run's, or those of a logged model."""

    path: ArtifactPath
    model_id: str = ""


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


def models_of(db: Database, run_id: str) -> list[ModelOverview]:
    """Every logged model of a run, first what it has made.

    What a run has made it has often read as well, to measure it: that goes without saying.
    """
    model, link = LoggedModel, RunModel
    columns = (model.model_id, model.name, model.status, model.lifecycle_stage)
    with db.reading() as session:
        rows = session.execute(
            select(*columns, link.direction, link.step)
            .join(link, link.model == model.id)
            .where(link.run == find_run(session, run_id).id)
            .order_by(link.direction.desc(), link.id)
        )
        found: list[ModelOverview] = []
        made = set()
        for model_id, name, status, stage, direction, step in rows:
            if direction == "output":
                made.add(model_id)
            elif model_id in made:
                continue
            found.append(
                ModelOverview(
                    model_id,
                    name,
                    ModelStatus(status),
                    LifecycleStage(stage),
                    step if direction == "output" else None,
                )
            )
        return found


def folders_of(db: Database, run_ids: Collection[str]) -> dict[str, list[Folder]]:
    """Of each of these runs its own folder, then those of the models it has made, newest first."""
    model, link = LoggedModel, RunModel
    with db.reading() as session:
        runs = session.execute(
            select(Run.run_id, Run.artifact_uri).where(Run.run_id.in_(run_ids))
        ).all()
        made = session.execute(
            select(Run.run_id, model.artifact_uri, model.model_id)
            .join(link, link.run == Run.id)
            .join(model, link.model == model.id)
            .where(Run.run_id.in_(run_ids), link.direction == "output")
            .where(model.lifecycle_stage == "active")
            .order_by(link.id.desc())
        ).all()
    found = {run_id: [Folder(parse_artifact_uri(uri))] for run_id, uri in runs}
    for run_id, uri, model_id in made:
        found[run_id].append(Folder(parse_artifact_uri(uri), model_id))
    return found


def is_going(db: Database, run_ids: Collection[str]) -> bool:
    """Whether one of these runs has not ended."""
    ended = [each for each in RunStatus if each.ended]
    with db.reading() as session:
        going = select(Run.id).where(Run.run_id.in_(run_ids), Run.status.not_in(ended)).limit(1)
        return session.scalar(going) is not None
