"""Finding runs, and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from podium.client.entities import (
    DatasetInput,
    LifecycleStage,
    Metric,
    ModelOutput,
    Page,
    RunSnapshot,
    RunStatus,
    ViewType,
)
from podium.client.errors import BadRequest, NotFound
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..datasets import inputs_of
from ..db import Database
from ..experiments import MAX_PAGE, parse_experiment_id, stage_filter
from ..logged_models.tables import LoggedModel, RunModel
from ..metrics.tables import MetricSummary
from ..models import Param, Run, Tag
from ..paging import check_size
from ..search import search_page
from .search import RUNS


def get_run(db: Database, run_id: str) -> RunSnapshot:
    """Deleted runs are returned too."""
    with db.reading() as session:
        return snapshots(session, [find_run(session, run_id)])[0]


def search_runs(
    db: Database,
    *,
    experiment_ids: Sequence[str],
    filter: str = "",  # noqa: A002  (its name in the API)
    view: ViewType = ViewType.ACTIVE_ONLY,
    order_by: Sequence[str] = (),
    max_results: int = 1000,
    page_token: str | None = None,
) -> Page[RunSnapshot]:
    """One page of the runs of these experiments; unknown experiment ids are ignored."""
    check_size(max_results, MAX_PAGE)
    experiments = sorted({parse_experiment_id(each, "experiment_ids") for each in experiment_ids})
    with db.reading() as session:
        rows, token = search_page(
            session,
            RUNS,
            select(Run).where(Run.experiment_id.in_(experiments), *stage_filter(Run, view)),
            filter=filter,
            order_by=order_by,
            max_results=max_results,
            page_token=page_token,
            scope=(view, *experiments),
        )
        return Page(tuple(snapshots(session, rows)), token)


def find_run(session: Session, run_id: str) -> Run:
    run = session.scalar(select(Run).where(Run.run_id == run_id))
    if run is None:
        raise NotFound(f"Run with id={run_id} not found")
    return run


def find_active(session: Session, run_id: str, *, change: bool = False) -> Run:
    """The run, locked until the transaction ends: against a delete, or for a ``change`` of it.

    Writers of points share the lock, so the ranks of one training do not wait for one another; who
    will change the row takes the full lock at once, since raising a shared one can deadlock.
    """
    run = session.scalar(
        select(Run).where(Run.run_id == run_id).with_for_update(read=not change, key_share=change)
    )
    if run is None:
        raise NotFound(f"Run with id={run_id} not found")
    if run.lifecycle_stage != LifecycleStage.ACTIVE:
        raise BadRequest(
            f"The run {run_id} must be in the 'active' state. "
            f"Current state is {run.lifecycle_stage}."
        )
    return run


def snapshots(session: Session, runs: Sequence[Run]) -> list[RunSnapshot]:
    """The runs with all that is told of them: at most six queries, however many runs."""
    ids = [run.id for run in runs]
    params: dict[int, dict[str, str]] = {each: {} for each in ids}
    tags: dict[int, dict[str, str]] = {each: {} for each in ids}
    latest: dict[int, list[Metric]] = {each: [] for each in ids}
    inputs: dict[int, list[DatasetInput]] = {}
    models: dict[tuple[int, str], Sequence[ModelOutput]] = {}
    for chunk in (ids[start : start + 5000] for start in range(0, len(ids), 5000)):
        for table, found in ((Param, params), (Tag, tags)):
            for run, key, value in session.execute(
                select(table.run, table.key, table.value)
                .where(table.run.in_(chunk))
                .order_by(table.run, table.key)
            ):
                found[run][key] = value
        for run, key, last, timestamp, step in session.execute(
            select(
                MetricSummary.run,
                MetricSummary.key,
                MetricSummary.last_value,
                MetricSummary.last_timestamp,
                MetricSummary.last_step,
            )
            .where(MetricSummary.run.in_(chunk))
            .order_by(MetricSummary.run, MetricSummary.key)
        ):
            number = float("nan") if last is None else last
            latest[run].append(Metric(key, number, timestamp, step))
        inputs.update(inputs_of(session, chunk))
        models.update(_models_of(session, chunk))
    return [
        RunSnapshot(
            run_id=run.run_id,
            run_name=run.name,
            experiment_id=str(run.experiment_id),
            user_id=run.user_id,
            status=RunStatus(run.status),
            start_time=run.start_time,
            end_time=run.end_time,
            artifact_uri=run.artifact_uri,
            lifecycle_stage=LifecycleStage(run.lifecycle_stage),
            latest=tuple(latest[run.id]),
            params=params[run.id],
            tags=tags[run.id],
            datasets=tuple(inputs.get(run.id, ())),
            model_inputs=tuple(each.model_id for each in models.get((run.id, "input"), ())),
            model_outputs=tuple(models.get((run.id, "output"), ())),
        )
        for run in runs
    ]


def _models_of(
    session: Session, runs: Sequence[int]
) -> Mapping[tuple[int, str], Sequence[ModelOutput]]:
    """By run and direction its logged models, in the order it was told."""
    found: dict[tuple[int, str], list[ModelOutput]] = {}
    for run, direction, model_id, step in session.execute(
        select(RunModel.run, RunModel.direction, LoggedModel.model_id, RunModel.step)
        .join(LoggedModel, LoggedModel.id == RunModel.model)
        .where(RunModel.run.in_(runs))
        .order_by(RunModel.run, RunModel.id)
    ):
        found.setdefault((run, direction), []).append(ModelOutput(model_id, step))
    return found
