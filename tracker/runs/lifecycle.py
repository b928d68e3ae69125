"""From the first row of a run to its last state."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from podium.client.entities import LifecycleStage, RunSnapshot, RunStatus
from podium.client.errors import BadRequest, Conflict
from podium.client.rules import (
    MAX_RUN_NAME,
    MAX_TAG_VALUE,
    check_run_id,
    check_text,
    check_timestamp,
)
from sqlalchemy.orm import Session

from .. import audit
from ..auth.caller import caller
from ..clock import now_ms
from ..db import Database, insert
from ..experiments import find_experiment, get_or_create, require_active
from ..models import Experiment, Run
from ..names import random_name
from .heartbeat import forget_crash
from .log import NAME_TAG, checked_tags, set_tags
from .read import find_active, find_run, snapshots
from .states import set_state


def create_run(
    db: Database,
    *,
    experiment_id: str | None = None,
    experiment_name: str | None = None,
    run_id: str | None = None,
    run_name: str | None = None,
    user_id: str = "",
    start_time: int | None = None,
    status: RunStatus = RunStatus.RUNNING,
    tags: Mapping[str, str] | None = None,
) -> RunSnapshot:
    """Start a run in an experiment, which is named by its id or by its name.

    A client may choose ``run_id`` itself; asking again for the same one answers the run that is
    there, so that a lost response costs nothing. :class:`Conflict` when it is another experiment's.
    Without a ``user_id`` it is the account that asks, if somebody is asked who he is.
    """
    tags = dict(tags or {})
    name = _choose_name(run_name, tags)
    rows = checked_tags({**tags, NAME_TAG: name}.items())
    run_id = uuid.uuid4().hex if run_id is None else check_run_id(run_id)
    start_time = now_ms() if start_time is None else start_time
    values = {
        "run_id": run_id,
        "name": name,
        "user_id": check_text(user_id or _asker(), "user_id", limit=MAX_TAG_VALUE),
        "status": status,
        "start_time": check_timestamp(start_time, "start_time"),
        "lifecycle_stage": LifecycleStage.ACTIVE,
    }
    with db.writing() as session:
        experiment = _experiment_for(session, experiment_id, experiment_name)
        run = session.scalar(
            insert(session, Run)
            .values(
                **values,
                experiment_id=experiment.id,
                artifact_uri=f"{experiment.artifact_location.rstrip('/')}/{run_id}/artifacts",
            )
            .on_conflict_do_nothing(index_elements=["run_id"])
            .returning(Run)
        )
        if run is None:
            return _resume(session, find_run(session, run_id), experiment)
        set_tags(session, run, rows)
        return snapshots(session, [run])[0]


def update_run(
    db: Database,
    run_id: str,
    *,
    status: RunStatus | None = None,
    end_time: int | None = None,
    run_name: str | None = None,
) -> RunSnapshot:
    """Set what is given; an empty ``run_name`` is ignored, as in MLflow."""
    with db.writing() as session:
        run = find_active(session, run_id, change=True)
        if end_time is not None:
            run.end_time = check_timestamp(end_time, "end_time")
        if run_name:
            set_tags(session, run, checked_tags([(NAME_TAG, run_name)]))
        if status is not None:
            run.alive_until = None
            forget_crash(session, run)
            set_state(session, run, status)
        session.flush()
        return snapshots(session, [run])[0]


def delete_run(db: Database, run_id: str) -> None:
    """Soft: the run can be restored. Deleting a deleted run is no error."""
    with db.writing() as session:
        move(session, find_run(session, run_id), LifecycleStage.DELETED)


def restore_run(db: Database, run_id: str) -> None:
    with db.writing() as session:
        move(session, find_run(session, run_id), LifecycleStage.ACTIVE)


def move(session: Session, run: Run, stage: LifecycleStage) -> None:
    if run.lifecycle_stage != stage:
        run.lifecycle_stage = stage
        run.deleted = now_ms() if stage == LifecycleStage.DELETED else None
        action = "run.delete" if stage == LifecycleStage.DELETED else "run.restore"
        named = {"name": run.name, "experiment": run.experiment_id}
        audit.record(session, action, f"run:{run.run_id}", after=named)


def _experiment_for(
    session: Session, experiment_id: str | None, experiment_name: str | None
) -> Experiment:
    if experiment_name is not None:
        if experiment_id is not None:
            raise BadRequest("Give 'experiment_id' or 'experiment_name', not both.")
        return get_or_create(session, experiment_name)
    experiment = find_experiment(session, experiment_id or "0")
    require_active(experiment)
    return experiment


def _resume(session: Session, run: Run, experiment: Experiment) -> RunSnapshot:
    if run.experiment_id != experiment.id:
        raise Conflict(
            f"Run {run.run_id} is in experiment {run.experiment_id}, not in {experiment.id}: "
            "choose another 'run_id'."
        )
    return snapshots(session, [run])[0]


def _choose_name(run_name: str | None, tags: Mapping[str, str]) -> str:
    tagged = tags.get(NAME_TAG)
    if run_name and tagged and run_name != tagged:
        raise BadRequest(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
            f"values (run_name='{run_name}', mlflow.runName='{tagged}'). Give one of them."
        )
    return check_text(run_name or tagged or random_name(), "run_name", limit=MAX_RUN_NAME)


def _asker() -> str:
    """The name of the account that asks; none where nobody is asked who he is."""
    who = caller()
    return "" if who.id is None else who.name
