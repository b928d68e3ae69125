"""What the registry asks of the tracker's logged models, and what it tells them."""

from __future__ import annotations

import json
from typing import Any

from podium.client.entities import LifecycleStage
from podium.tracker.db import insert
from podium.tracker.logged_models import find_model
from podium.tracker.logged_models.tables import LoggedModel, LoggedModelTag
from podium.tracker.models import Run
from sqlalchemy import select
from sqlalchemy.orm import Session

# A JSON array of {"name", "version"}, which MLflow's client appends to as well.
VERSIONS_TAG = "mlflow.modelVersions"


def find_logged(session: Session, model_id: str) -> LoggedModel:
    return find_model(session, model_id)


def of_run(session: Session, run: Run, name: str) -> LoggedModel | None:
    """The newest active model that a run has logged under this name.

    Anybody may say of a model that a run has made it: in another experiment, that is not heard.
    """
    return session.scalar(
        select(LoggedModel)
        .where(
            LoggedModel.source_run_id == run.run_id,
            LoggedModel.experiment_id == run.experiment_id,
            LoggedModel.name == name,
            LoggedModel.lifecycle_stage == LifecycleStage.ACTIVE,
        )
        .order_by(LoggedModel.creation_time.desc(), LoggedModel.id.desc())
        .limit(1)
    )


def tell_version(session: Session, model_id: str, name: str, version: int) -> None:
    """Note on a logged model that it was registered; part of the registering transaction."""
    # Locked, so that of two versions registered at once neither is forgotten.
    model = session.scalar(
        select(LoggedModel).where(LoggedModel.model_id == model_id).with_for_update()
    )
    if model is None:
        return
    tag = session.get(LoggedModelTag, (model.id, VERSIONS_TAG))
    known = _listed(tag.value) if tag is not None else []
    made = {"name": name, "version": str(version)}
    if made in known:
        return
    new = insert(session, LoggedModelTag).values(
        model=model.id, key=VERSIONS_TAG, value=json.dumps([*known, made])
    )
    session.execute(
        new.on_conflict_do_update(
            index_elements=["model", "key"], set_={"value": new.excluded.value}
        )
    )


def _listed(text: str) -> list[Any]:
    """What the tag says, if it is what clients write; anybody may have set it to anything."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
