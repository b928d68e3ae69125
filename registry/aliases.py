"""Aliases: names of one version of a model, which can be moved to another."""

from __future__ import annotations

from podium.client import entities
from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_alias, check_new_alias, is_latest
from podium.tracker import audit
from podium.tracker.db import Database, insert
from sqlalchemy import select
from sqlalchemy.orm import Session

from . import events, prompts
from .models import Alias, ModelVersion
from .outbox import emit
from .read import find_model, find_version, subject, version_entities, versions


def set_alias(db: Database, name: str, alias: str, version: str | int) -> None:
    """Give the version this alias; one that another version has moves to it."""
    check_new_alias(alias)
    with db.writing() as session:
        # Locked, so that the version is not deleted in the meantime.
        found = find_version(session, name, version, change=True)
        before = _there(session, found.model, alias)
        new = insert(session, Alias).values(model=found.model, alias=alias, version=found.id)
        session.execute(
            new.on_conflict_do_update(
                index_elements=["model", "alias"], set_={"version": new.excluded.version}
            )
        )
        audit.record(
            session, "model.set-alias", subject(name), before=before, after={alias: found.version}
        )
        event = events.model_version_alias_set(
            name=name,
            alias=alias,
            version=found.version,
            prompt=prompts.is_prompt_model(session, found.model),
        )
        emit(session, event)


def delete_alias(db: Database, name: str, alias: str) -> None:
    """An alias that is not there is as good as deleted, as in MLflow."""
    check_alias(alias)
    with db.writing() as session:
        model = find_model(session, name, change=True)
        before = _there(session, model.id, alias)
        if before is not None:
            session.delete(session.get_one(Alias, (model.id, alias)))
            audit.record(session, "model.delete-alias", subject(name), before=before)
            prompt = prompts.is_prompt_model(session, model.id)
            emit(session, events.model_version_alias_deleted(name=name, alias=alias, prompt=prompt))


def get_version_by_alias(db: Database, name: str, alias: str) -> entities.ModelVersion:
    """``latest``, in capitals or not, is the highest version."""
    check_alias(alias)
    with db.reading() as session:
        return version_entities(session, [find_aliased(session, name, alias)])[0]


def find_aliased(session: Session, name: str, alias: str) -> ModelVersion:
    model = find_model(session, name)
    of_model = versions().where(ModelVersion.model == model.id)
    if is_latest(alias):
        found = session.scalar(of_model.order_by(ModelVersion.version.desc()).limit(1))
        if found is None:
            raise NotFound(f"Latest version not found for model {name}.")
        return found
    found = session.scalar(
        of_model.join(Alias, Alias.version == ModelVersion.id).where(Alias.alias == alias)
    )
    if found is None:
        # 400 and not 404: MLflow's clients expect it so.
        raise BadRequest(f"Registered model alias {alias} not found.")
    return found


def _there(session: Session, model: int, alias: str) -> dict[str, int] | None:
    """Whose it is before it changes, for the audit log."""
    version = session.scalar(
        select(ModelVersion.version)
        .join(Alias, Alias.version == ModelVersion.id)
        .where(Alias.model == model, Alias.alias == alias)
    )
    return None if version is None else {alias: version}
