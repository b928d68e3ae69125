"""Finding sweeps and their trials, and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import attrgetter

from podium.client.entities import LifecycleStage, Page
from podium.client.errors import NotFound
from podium.client.rules import shown
from podium.client.sweeps import Sweep, SweepState, SweepTrial, TrialState
from podium.tracker.db import Database
from podium.tracker.paging import check_size, cut, newest_first, position
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..launch import spec
from ..launch.schema import SweepSchema
from ..models import ModelVersion
from .tables import SweepRow, SweepTrialRow


def find_sweep(session: Session, sweep_id: str, *, change: bool = False) -> SweepRow:
    statement = select(SweepRow).where(SweepRow.sweep_id == sweep_id)
    if change:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise NotFound(f"No sweep with id={shown(sweep_id)} found")
    return found


def get_sweep(db: Database, sweep_id: str) -> Sweep:
    with db.reading() as session:
        return tell(session, find_sweep(session, sweep_id))


def whole(db: Database, sweep_id: str) -> tuple[Sweep, list[SweepTrial]]:
    """A sweep and all of its trials, in the order of their numbers, as of one moment."""
    with db.reading() as session:
        row = find_sweep(session, sweep_id)
        return tell(session, row), [told(each) for each in trials_of(session, row)]


def list_sweeps(
    db: Database,
    *,
    name: str | None = None,
    run_id: str | None = None,
    active: bool | None = None,
    max_results: int = 100,
    page_token: str = "",
) -> Page[Sweep]:
    """The newest first: of a model or a name, the one of a run, or all."""
    statement = newest_first(select(SweepRow), SweepRow.id, max_results, page_token)
    if name is not None:
        statement = statement.where(SweepRow.name == name)
    if run_id is not None:
        statement = statement.where(SweepRow.run_id == run_id)
    if active is not None:
        ended = SweepRow.ended.is_(None)
        statement = statement.where(ended if active else ~ended)
    with db.reading() as session:
        rows, token = cut(session.scalars(statement).all(), max_results)
        return Page(tuple(tell(session, row) for row in rows), token)


def list_trials(
    db: Database, sweep_id: str, *, max_results: int = 100, page_token: str = ""
) -> Page[SweepTrial]:
    """In the order of their numbers."""
    check_size(max_results)
    with db.reading() as session:
        row = find_sweep(session, sweep_id)
        statement = select(SweepTrialRow).where(SweepTrialRow.sweep == row.id)
        if page_token:
            statement = statement.where(SweepTrialRow.number > position(page_token))
        found = session.scalars(statement.order_by(SweepTrialRow.number).limit(max_results + 1))
        rows, token = cut(found.all(), max_results, attrgetter("number"))
        return Page(tuple(told(each) for each in rows), token)


def counts_of(session: Session, row: SweepRow) -> dict[TrialState, int]:
    """How many trials there are in each state that any is in."""
    found = session.execute(
        select(SweepTrialRow.state, func.count())
        .where(SweepTrialRow.sweep == row.id)
        .group_by(SweepTrialRow.state)
    )
    return {TrialState(state): number for state, number in found}


def best_of(session: Session, row: SweepRow, goal: str) -> SweepTrialRow | None:
    """Of the trials that have completed; of equal ones the first."""
    value = SweepTrialRow.value.asc() if goal == "minimize" else SweepTrialRow.value.desc()
    return session.scalar(
        select(SweepTrialRow)
        .where(SweepTrialRow.sweep == row.id, SweepTrialRow.state == TrialState.COMPLETE)
        .order_by(value, SweepTrialRow.number)
        .limit(1)
    )


def trials_of(session: Session, row: SweepRow) -> Sequence[SweepTrialRow]:
    """All of them, in the order of their numbers."""
    return session.scalars(
        select(SweepTrialRow)
        .where(SweepTrialRow.sweep == row.id)
        .order_by(SweepTrialRow.number)
        .execution_options(populate_existing=True)
    ).all()


def section_of(row: SweepRow) -> spec.Sweep:
    found: spec.Sweep = SweepSchema().load(json.loads(row.spec)["sweep"])
    return found


def version_of(session: Session, row: SweepRow) -> ModelVersion | None:
    """The model version that it is of, as long as there is one."""
    return session.scalar(
        select(ModelVersion).where(
            ModelVersion.model == row.model,
            ModelVersion.version == row.version,
            ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE,
        )
    )


def tell(session: Session, row: SweepRow) -> Sweep:
    sweep = section_of(row)
    best = best_of(session, row, sweep.goal)
    return Sweep(
        sweep_id=row.sweep_id,
        name=row.name,
        version=row.version,
        target=row.target,
        metric=sweep.metric,
        goal=sweep.goal,
        algorithm=sweep.algorithm,
        seed=row.seed,
        trials=sweep.trials,
        parallel=sweep.parallel,
        state=SweepState(row.state),
        desired=row.desired,
        author=row.author,
        created=row.created,
        experiment_id=row.experiment_id,
        run_id=row.run_id,
        counts={str(state): number for state, number in counts_of(session, row).items()},
        best=None if best is None else told(best),
        message=row.message,
        problem=row.problem,
        ended=row.ended,
        spec=json.loads(row.spec),
    )


def told(row: SweepTrialRow) -> SweepTrial:
    return SweepTrial(
        number=row.number,
        state=TrialState(row.state),
        params=json.loads(row.params),
        run_id=row.run_id,
        launch_id=row.launch_id,
        created=row.created,
        value=row.value,
        step=row.step,
        message=row.message,
        ended=row.ended,
    )
