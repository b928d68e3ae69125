"""Experiments: the rules of creating, finding, renaming, deleting and tagging them.

A name is unique over active *and* deleted experiments, so that restoring one never collides.
Deleting is soft and takes the runs along; restoring brings all of them back, as in MLflow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from podium.client import entities
from podium.client.entities import LifecycleStage, Page, ViewType
from podium.client.errors import AlreadyExists, BadRequest, NotFound, PermissionDenied
from podium.client.rules import (
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_KEY,
    check_experiment_name,
    check_text,
    shown,
)
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from . import audit
from .artifacts.paths import parse_location
from .auth.caller import caller
from .auth.roles import Role
from .clock import now_ms
from .db import Database, insert
from .models import Experiment, ExperimentTag, Run
from .paging import check_size
from .search import Attribute, Entity, KeyTable, Kind, search_page

MAX_PAGE = 50_000

EXPERIMENTS = Entity(
    name="experiments",
    id=Experiment.id,
    attributes={
        "experiment_id": Attribute(Experiment.id, Kind.IDENTIFIER),
        "name": Attribute(Experiment.name),
        "creation_time": Attribute(Experiment.creation_time, Kind.INTEGER),
        "last_update_time": Attribute(Experiment.last_update_time, Kind.INTEGER),
    },
    key_tables={
        "tag": KeyTable(
            ExperimentTag.experiment_id, ExperimentTag.key, {None: ExperimentTag.value}
        ),
    },
    default_order=("creation_time DESC", "experiment_id ASC"),
    ties=("experiment_id DESC",),
)


def create_experiment(
    db: Database,
    *,
    name: str,
    artifact_location: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> entities.Experiment:
    """Raises :class:`AlreadyExists` for a name in use, also by a deleted experiment."""
    with db.writing() as session:
        return _entity(
            _insert(session, name=name, artifact_location=artifact_location, tags=tags or {})
        )


def get_or_create(session: Session, name: str) -> Experiment:
    """The active experiment of that name, made when there is none; part of a wider transaction."""
    found = session.scalar(select(Experiment).where(Experiment.name == name))
    if found is None:
        try:
            with session.begin_nested():
                return _insert(session, name=name, artifact_location=None, tags={})
        except AlreadyExists:  # another server process was faster
            found = session.scalar(select(Experiment).where(Experiment.name == name))
            if found is None:  # it is not for the caller to see
                raise
    if found.lifecycle_stage != LifecycleStage.ACTIVE:
        raise BadRequest(
            f"Experiment {name!r} is deleted. Restore it or choose another name for "
            "'experiment_name'."
        )
    return found


def get_experiment(db: Database, experiment_id: str) -> entities.Experiment:
    """Deleted experiments are returned too."""
    with db.reading() as session:
        return _entity(find_experiment(session, experiment_id))


def get_experiment_by_name(db: Database, name: str) -> entities.Experiment:
    with db.reading() as session:
        found = session.scalar(select(Experiment).where(Experiment.name == name))
        if found is None:
            raise NotFound(f"Could not find experiment with name '{name}'")
        return _entity(found)


def names_of(db: Database, experiment_ids: Sequence[str]) -> dict[str, str]:
    """By id the names of those that are there."""
    ids = [parse_experiment_id(each) for each in experiment_ids]
    with db.reading() as session:
        rows = session.execute(select(Experiment.id, Experiment.name).where(Experiment.id.in_(ids)))
        return {str(id_): name for id_, name in rows}


def rename_experiment(db: Database, experiment_id: str, new_name: str) -> None:
    check_experiment_name(new_name, "new_name")
    with db.writing() as session:
        experiment = find_experiment(session, experiment_id)
        require_active(experiment)
        experiment.name = new_name
        experiment.last_update_time = now_ms()
        _flush_name(session, new_name)


def delete_experiment(db: Database, experiment_id: str) -> None:
    """Soft: the experiment and its runs can be restored. :class:`NotFound` when deleted already."""
    with db.writing() as session:
        experiment = find_experiment(session, experiment_id)
        if experiment.lifecycle_stage == LifecycleStage.DELETED:
            raise NotFound(f"No active experiment with ID {experiment_id}: it is deleted already.")
        _move(session, experiment, LifecycleStage.DELETED)
        audit.record(
            session, "experiment.delete", f"experiment:{experiment.id}", before=_named(experiment)
        )


def restore_experiment(db: Database, experiment_id: str) -> None:
    with db.writing() as session:
        experiment = find_experiment(session, experiment_id)
        if experiment.lifecycle_stage == LifecycleStage.ACTIVE:
            raise NotFound(f"No deleted experiment with ID {experiment_id}: it is active.")
        _move(session, experiment, LifecycleStage.ACTIVE)
        audit.record(
            session, "experiment.restore", f"experiment:{experiment.id}", after=_named(experiment)
        )


def set_experiment_tag(db: Database, experiment_id: str, key: str, value: str) -> None:
    _check_tag(key, value)
    with db.writing() as session:
        experiment = find_experiment(session, experiment_id)
        require_active(experiment)
        new = insert(session, ExperimentTag).values(
            experiment_id=experiment.id, key=key, value=value
        )
        session.execute(
            new.on_conflict_do_update(
                index_elements=["experiment_id", "key"], set_={"value": new.excluded.value}
            )
        )
        experiment.last_update_time = now_ms()


def delete_experiment_tag(db: Database, experiment_id: str, key: str) -> None:
    with db.writing() as session:
        experiment = find_experiment(session, experiment_id)
        require_active(experiment)
        tag = session.get(ExperimentTag, (experiment.id, key))
        if tag is None:
            raise NotFound(f"No tag with name: {key} in experiment with id {experiment_id}")
        session.delete(tag)
        experiment.last_update_time = now_ms()


def search_experiments(
    db: Database,
    *,
    view: ViewType = ViewType.ACTIVE_ONLY,
    filter: str = "",  # noqa: A002  (its name in the API)
    order_by: Sequence[str] = (),
    max_results: int = 1000,
    page_token: str | None = None,
) -> Page[entities.Experiment]:
    """One page, newest first unless ``order_by`` says otherwise; ``max_results`` in 1…50,000."""
    check_size(max_results, MAX_PAGE)
    with db.reading() as session:
        rows, token = search_page(
            session,
            EXPERIMENTS,
            select(Experiment).where(*stage_filter(Experiment, view)),
            filter=filter,
            order_by=order_by,
            max_results=max_results,
            page_token=page_token,
            scope=(view,),
        )
        return Page(tuple(_entity(row) for row in rows), token)


def parse_experiment_id(experiment_id: str, field: str = "experiment_id") -> int:
    """Experiment ids are decimal strings on the wire and integers in the database."""
    if not re.fullmatch(r"[0-9]{1,18}", experiment_id):
        raise BadRequest(
            f"Invalid experiment ID {shown(experiment_id)} for parameter '{field}': "
            "it must be a whole number, as in '1'."
        )
    return int(experiment_id)


def find_experiment(session: Session, experiment_id: str) -> Experiment:
    found = session.get(Experiment, parse_experiment_id(experiment_id))
    if found is None:
        raise NotFound(f"No Experiment with id={experiment_id} exists")
    return found


def require_active(experiment: Experiment) -> None:
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise BadRequest(
            f"The experiment {experiment.id} must be in the 'active' state. "
            f"Current state is {experiment.lifecycle_stage}."
        )


def stage_filter(table: type[Experiment] | type[Run], view: ViewType) -> list[ColumnElement[bool]]:
    """The WHERE clauses of a view over ``table.lifecycle_stage``."""
    if view is ViewType.ALL:
        return []
    wanted = LifecycleStage.ACTIVE if view is ViewType.ACTIVE_ONLY else LifecycleStage.DELETED
    return [table.lifecycle_stage == wanted]


def _insert(
    session: Session, *, name: str, artifact_location: str | None, tags: Mapping[str, str]
) -> Experiment:
    check_experiment_name(name)
    location = parse_location(artifact_location) if artifact_location else None
    if location is not None and caller().role < Role.EDITOR:
        # It could be the folder of an experiment that is not the caller's.
        raise PermissionDenied(
            "Leave out 'artifact_location': to choose one you must be an editor of everything."
        )
    for key, value in tags.items():
        _check_tag(key, value)
    now = now_ms()
    experiment = Experiment(
        name=name,
        artifact_location=location or "",
        lifecycle_stage=LifecycleStage.ACTIVE,
        creation_time=now,
        last_update_time=now,
        tags=[ExperimentTag(key=key, value=value) for key, value in tags.items()],
    )
    session.add(experiment)
    _flush_name(session, name)
    if location is None:
        experiment.artifact_location = f"mlflow-artifacts:/{experiment.id}"
    return experiment


def _flush_name(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise AlreadyExists(
            f"Experiment(name={name}) already exists, active or deleted. "
            "Choose another name, or restore the deleted one."
        ) from None


def _move(session: Session, experiment: Experiment, stage: LifecycleStage) -> None:
    experiment.lifecycle_stage = stage
    experiment.last_update_time = now_ms()
    runs = update(Run).where(Run.experiment_id == experiment.id, Run.lifecycle_stage != stage)
    deleted = now_ms() if stage is LifecycleStage.DELETED else None
    session.execute(runs.values(lifecycle_stage=stage, deleted=deleted))


def _named(experiment: Experiment) -> dict[str, str]:
    """What the audit log says of an experiment beside its id."""
    return {"name": experiment.name}


def _check_tag(key: str, value: str) -> None:
    if not key.strip():
        raise BadRequest(
            "Missing value for required parameter 'key': an experiment tag needs a name."
        )
    check_text(key, "key", limit=MAX_KEY)
    check_text(value, "value", limit=MAX_EXPERIMENT_TAG_VALUE)


def _entity(row: Experiment) -> entities.Experiment:
    return entities.Experiment(
        experiment_id=str(row.id),
        name=row.name,
        artifact_location=row.artifact_location,
        lifecycle_stage=LifecycleStage(row.lifecycle_stage),
        creation_time=row.creation_time,
        last_update_time=row.last_update_time,
        tags={tag.key: tag.value for tag in row.tags},
    )
