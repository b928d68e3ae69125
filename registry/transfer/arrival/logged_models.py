"""Logged models of another MLflow: their files, what is said of them, which runs they belong to.

A model is one transaction, after its files. What runs have measured of it comes after the runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from podium.client.entities import LifecycleStage
from podium.client.errors import Conflict
from podium.client.rules import check_text
from podium.tracker.artifacts.paths import parse_artifact_uri
from podium.tracker.db import insert
from podium.tracker.logged_models import append_metrics
from podium.tracker.logged_models.log import insert_params, upsert_tags
from podium.tracker.logged_models.tables import LoggedModel, RunModel
from podium.tracker.models import Run
from sqlalchemy import select
from sqlalchemy.orm import Session

from .conflicts import Arriving
from .files import copy_files
from .old import OldExperiment, OldLoggedModel, OldRun


def copy_logged_models(
    arriving: Arriving, experiment: OldExperiment, number: int, location: str
) -> None:
    for old in arriving.source.logged_models(experiment):
        uri = f"{location.rstrip('/')}/models/{old.model_id}/artifacts"
        with arriving.db.reading() as session:
            here = _find(session, old.model_id)
        if here is not None and here.experiment_id != number:
            raise Conflict(
                f"Logged model {old.model_id} is in experiment {here.experiment_id} here already, "
                "so it was imported before, under another name. Import into an empty installation."
            )
        arriving.counts["artifacts"] += copy_files(
            arriving,
            old.artifact_uri,
            parse_artifact_uri(uri),
            f"logged model {old.model_id}",
            again=here is not None,
        )
        if here is None:
            with arriving.db.writing() as session:
                _insert(session, old, number, uri)
        arriving.counts["logged models"] += 1


def copy_measured(arriving: Arriving, experiment: OldExperiment) -> None:
    """The points of models, by run; those that are here already are written again as they are."""
    for model in arriving.source.logged_models(experiment):
        points = sorted(model.metrics, key=lambda each: each.run_id)
        for run_id, of_run in groupby(points, key=lambda each: each.run_id):
            with arriving.db.writing() as session:
                run = session.scalar(select(Run).where(Run.run_id == run_id))
                if run is not None:
                    append_metrics(session, run, list(of_run))


def link_models(session: Session, run: Run, old: OldRun) -> None:
    """Which models the run has read and made, of those that are here."""
    links = [("input", each, 0) for each in old.models_in]
    links += [("output", each.model_id, each.step) for each in old.models_out]
    known = _numbers(session, (model_id for _, model_id, _ in links))
    rows = [
        {"run": run.id, "direction": direction, "model": known[model_id], "step": step}
        for direction, model_id, step in links
        if model_id in known
    ]
    if rows:
        session.execute(insert(session, RunModel).on_conflict_do_nothing(), rows)


def _insert(session: Session, old: OldLoggedModel, experiment: int, uri: str) -> None:
    model = LoggedModel(
        model_id=check_text(old.model_id, "model_id", limit=36),
        experiment_id=experiment,
        name=check_text(old.name, f"name of logged model {old.model_id}"),
        status=old.status,
        model_type=old.model_type,
        source_run_id=old.source_run_id,
        artifact_uri=uri,
        creation_time=old.creation_time,
        last_update_time=old.last_update_time,
        lifecycle_stage=LifecycleStage.ACTIVE,
    )
    session.add(model)
    session.flush()
    insert_params(session, model, old.params)
    upsert_tags(session, model, old.tags)


def _find(session: Session, model_id: str) -> LoggedModel | None:
    return session.scalar(select(LoggedModel).where(LoggedModel.model_id == model_id))


def _numbers(session: Session, model_ids: Iterable[str]) -> dict[str, int]:
    wanted = set(model_ids)
    found = session.scalars(select(LoggedModel).where(LoggedModel.model_id.in_(wanted)))
    return {each.model_id: each.id for each in found}
