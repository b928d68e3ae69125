"""Registered models: creating, finding, describing, tagging and deleting them.

A name is taken once, by a model or by a prompt. Deleting a model deletes all that was said of it
and of its versions; the files stay with the runs that made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podium.client import entities
from podium.client.entities import Page
from podium.client.errors import AlreadyExists
from podium.client.rules import MAX_DESCRIPTION, check_key, check_model_name, check_text
from podium.tracker import audit
from podium.tracker.auth.roles import Role
from podium.tracker.clock import now_ms
from podium.tracker.db import Database, insert
from podium.tracker.paging import check_size
from podium.tracker.search import search_page
from sqlalchemy import select
from sqlalchemy.orm import Session

from . import events, prompts
from .launches import write as launches
from .models import ModelTag, RegisteredModel
from .outbox import emit
from .promotion.refusals import recorded
from .promotion.rights import require
from .read import find_model, model_entities, models, subject
from .search import REGISTERED_MODELS
from .tags import checked, there, told, write

MAX_PAGE = 1000


def create_model(
    db: Database,
    *,
    name: str,
    description: str = "",
    tags: Iterable[tuple[str, str]] = (),
    user_id: str = "",
) -> entities.RegisteredModel:
    """Raises :class:`AlreadyExists` for a name in use, by which clients know to go on with it."""
    wanted = checked(tags)
    now = now_ms()
    values = {
        "name": check_model_name(name),
        "description": check_text(description, "description", limit=MAX_DESCRIPTION),
        "user_id": user_id,
        "creation_time": now,
        "last_update_time": now,
        "last_version": 0,
    }
    with db.writing() as session:
        made = session.scalar(
            insert(session, RegisteredModel)
            .values(**values)
            .on_conflict_do_nothing(index_elements=["name"])
            .returning(RegisteredModel)
        )
        if made is None:
            raise _taken(session, name, prompt=prompts.is_prompt(wanted))
        write(session, ModelTag, made.id, wanted)
        audit.record(
            session,
            "model.create",
            subject(name),
            after={"tags": {key: told(value) for key, value in wanted.items()}},
        )
        event = events.registered_model_created(
            name=name, description=description, tags=wanted, prompt=prompts.is_prompt(wanted)
        )
        emit(session, event)
        return model_entities(session, [made])[0]


def get_model(db: Database, name: str) -> entities.RegisteredModel:
    with db.reading() as session:
        return model_entities(session, [find_model(session, name)])[0]


def update_model(db: Database, name: str, *, description: str) -> entities.RegisteredModel:
    check_text(description, "description", limit=MAX_DESCRIPTION)
    with db.writing() as session:
        model = find_model(session, name, change=True)
        audit.record(
            session,
            "model.describe",
            subject(name),
            before={"description": told(model.description)},
            after={"description": told(description)},
        )
        model.description = description
        model.last_update_time = now_ms()
        session.flush()
        return model_entities(session, [model])[0]


def delete_model(db: Database, name: str) -> None:
    """For good, with its versions: their numbers begin again if the name is registered anew.

    By its admins alone: whoever registers a name is admin of it, so an editor could else make the
    model his own.
    """
    with recorded(db, "model.delete", subject(name)), db.writing() as session:
        model = find_model(session, name, change=True)
        require(session, model, Role.ADMIN, "to delete it")
        audit.record(
            session, "model.delete", subject(name), before={"last_version": model.last_version}
        )
        launches.stop_all_of(session, model.id)
        session.delete(model)
        emit(session, events.registered_model_deleted(name=name))


def search_models(
    db: Database,
    *,
    filter: str = "",  # noqa: A002  (its name in the API)
    order_by: Sequence[str] = (),
    max_results: int = 100,
    page_token: str | None = None,
) -> Page[entities.RegisteredModel]:
    """One page; prompts are in it only where the filter asks for them."""
    check_size(max_results, MAX_PAGE)
    with db.reading() as session:
        rows, token = search_page(
            session,
            REGISTERED_MODELS,
            models(),
            filter=prompts.parse_filter(filter),
            order_by=order_by,
            max_results=max_results,
            page_token=page_token,
            scope=(),
        )
        return Page(tuple(model_entities(session, rows)), token)


def set_model_tag(db: Database, name: str, key: str, value: str) -> None:
    wanted = checked([(key, value)])
    with db.writing() as session:
        model = find_model(session, name, change=True)
        before = there(session, ModelTag, model.id, key)
        write(session, ModelTag, model.id, wanted)
        audit.record(
            session, "model.set-tag", subject(name), before=before, after={key: told(value)}
        )
        prompt = prompts.is_prompt_model(session, model.id)
        event = events.registered_model_tag_set(name=name, key=key, value=value, prompt=prompt)
        emit(session, event)


def delete_model_tag(db: Database, name: str, key: str) -> None:
    """A tag that is not there is as good as deleted, as in MLflow."""
    check_key(key, "key", kind="tag")
    with db.writing() as session:
        model = find_model(session, name, change=True)
        prompt = prompts.is_prompt_model(session, model.id)
        tag = session.get(ModelTag, (model.id, key))
        if tag is not None:
            session.delete(tag)
            audit.record(session, "model.delete-tag", subject(name), before={key: told(tag.value)})
            emit(session, events.registered_model_tag_deleted(name=name, key=key, prompt=prompt))


def _taken(session: Session, name: str, *, prompt: bool) -> AlreadyExists:
    """In the words by which MLflow's clients tell a model from a prompt."""
    found = select(ModelTag.key, ModelTag.value).join(
        RegisteredModel, RegisteredModel.id == ModelTag.model
    )
    rows = session.execute(found.where(RegisteredModel.name == name))
    there = {key: value for key, value in rows}  # noqa: C416  (rows are no tuples to mypy)
    kinds = {True: "Prompt", False: "Registered Model"}
    old, new = kinds[prompts.is_prompt(there)], kinds[prompt]
    if old == new:
        return AlreadyExists(f"{new} (name={name}) already exists.")
    return AlreadyExists(
        f"Tried to create a {new.lower()} with name {name!r}, but the name is already taken by a "
        f"{old.lower()}. A model and a prompt cannot have the same name: choose another 'name'."
    )
