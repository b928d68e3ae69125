"""From the first row of a logged model to its last state."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from podium.client import entities
from podium.client.entities import LifecycleStage, ModelStatus
from podium.client.errors import BadRequest
from podium.client.rules import check_text, shown

from ..clock import now_ms
from ..db import Database
from ..experiments import find_experiment, require_active
from ..names import random_name
from .log import checked_params, checked_tags, insert_params, upsert_tags
from .read import find_model, snapshots
from .tables import LoggedModel

MAX_NAME = 500
MAX_TYPE = 500
MAX_RUN_ID = 32
# A name stands in the addresses that MLflow's clients make of it.
_FORBIDDEN_IN_NAME = ("/", ":", ".", "%", '"', "'")


def create_model(
    db: Database,
    *,
    experiment_id: str,
    name: str | None = None,
    model_type: str | None = None,
    source_run_id: str | None = None,
    params: Sequence[tuple[str, str]] = (),
    tags: Mapping[str, str] | None = None,
) -> entities.LoggedModel:
    """A model whose files are still to come. Names need not differ; without one it gets one."""
    new_params, new_tags = checked_params(params), checked_tags(tags or {})
    model_id = f"m-{uuid.uuid4().hex}"
    now = now_ms()
    values = {
        "name": _checked_name(name or random_name()),
        "model_type": check_text(model_type or "", "model_type", limit=MAX_TYPE) or None,
        "source_run_id": check_text(source_run_id or "", "source_run_id", limit=MAX_RUN_ID) or None,
    }
    with db.writing() as session:
        experiment = find_experiment(session, experiment_id)
        require_active(experiment)
        model = LoggedModel(
            model_id=model_id,
            experiment_id=experiment.id,
            status=ModelStatus.PENDING,
            artifact_uri=f"{experiment.artifact_location.rstrip('/')}/models/{model_id}/artifacts",
            creation_time=now,
            last_update_time=now,
            lifecycle_stage=LifecycleStage.ACTIVE,
            **values,
        )
        session.add(model)
        session.flush()
        insert_params(session, model, new_params)
        upsert_tags(session, model, new_tags)
        return snapshots(session, [model])[0]


def finalize_model(db: Database, model_id: str, status: ModelStatus) -> entities.LoggedModel:
    """Say whether the model's files have arrived."""
    with db.writing() as session:
        model = find_model(session, model_id, deleted=True)
        model.status = status
        model.last_update_time = now_ms()
        session.flush()
        return snapshots(session, [model])[0]


def delete_model(db: Database, model_id: str) -> None:
    """Soft: nothing is lost, but only who asks for deleted models finds it. Twice is no error."""
    with db.writing() as session:
        model = find_model(session, model_id, deleted=True)
        if model.lifecycle_stage != LifecycleStage.DELETED:
            model.lifecycle_stage = LifecycleStage.DELETED
            model.deleted = now_ms()
        model.last_update_time = now_ms()


def _checked_name(name: str) -> str:
    check_text(name, "name", limit=MAX_NAME)
    if any(character in name for character in _FORBIDDEN_IN_NAME):
        raise BadRequest(
            f"Invalid model name ({shown(name)}) provided. Model name must be a non-empty string "
            f"and cannot contain the following characters: {_FORBIDDEN_IN_NAME}"
        )
    return name
