"""What is said of a logged model: params, tags, and points that runs have measured of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from podium.client.entities import ModelMetric
from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_text
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..db import Database, insert
from ..models import Run
from .read import find_model, find_models
from .tables import LoggedModel, LoggedModelMetric, LoggedModelParam, LoggedModelTag

MAX_KEY = 255
MAX_PAIRS = 1000
MAX_DATASET_NAME = 500
MAX_DATASET_DIGEST = 36
_POINT = ("model", "key", "run", "dataset_name", "dataset_digest", "step", "timestamp")


def log_params(db: Database, model_id: str, params: Sequence[tuple[str, str]]) -> None:
    """Params never change: the same value again is no error, another one is."""
    checked = checked_params(params)
    with db.writing() as session:
        insert_params(session, find_model(session, model_id, deleted=True), checked)


def set_tags(db: Database, model_id: str, tags: Mapping[str, str]) -> None:
    checked = checked_tags(tags)
    with db.writing() as session:
        upsert_tags(session, find_model(session, model_id, deleted=True), checked)


def delete_tag(db: Database, model_id: str, key: str) -> None:
    check_text(key, "key")
    with db.writing() as session:
        model = find_model(session, model_id, deleted=True)
        gone = session.execute(
            delete(LoggedModelTag)
            .where(LoggedModelTag.model == model.id, LoggedModelTag.key == key)
            .returning(LoggedModelTag.key)
        ).first()
        if gone is None:
            raise NotFound(f"No tag with key {key!r} found for model with ID {model_id!r}.")


def append_metrics(session: Session, run: Run, metrics: Sequence[ModelMetric]) -> None:
    """Store points of a run with the models they were measured of; part of a wider transaction.

    Their keys and times were checked with the run's. A point that was stored before gets the value
    it comes with now. :class:`NotFound` for a model that there is not.
    """
    if not metrics:
        return
    for index, point in enumerate(metrics):
        check_text(point.dataset_name, f"metrics[{index}].dataset_name", limit=MAX_DATASET_NAME)
        check_text(
            point.dataset_digest, f"metrics[{index}].dataset_digest", limit=MAX_DATASET_DIGEST
        )
    models = find_models(session, (point.model_id for point in metrics))
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for point in metrics:
        row = {
            "model": models[point.model_id].id,
            "key": point.key,
            "run": run.id,
            "dataset_name": point.dataset_name,
            "dataset_digest": point.dataset_digest,
            "step": point.step,
            "timestamp": point.timestamp,
            "value": None if math.isnan(point.value) else point.value,
        }
        rows[tuple(row[column] for column in _POINT)] = row
    new = insert(session, LoggedModelMetric)
    # In the order of their keys, so that two writers cannot deadlock.
    session.connection().execute(
        new.on_conflict_do_update(index_elements=_POINT, set_={"value": new.excluded.value}),
        [rows[point] for point in sorted(rows)],
    )


def checked_params(params: Sequence[tuple[str, str]]) -> dict[str, str]:
    _check_count(len(params), "params")
    checked: dict[str, str] = {}
    for index, (key, value) in enumerate(params):
        _check_key(key, f"params[{index}].key")
        check_text(value, f"params[{index}].value")
        if checked.setdefault(key, value) != value:
            raise BadRequest(
                f"Duplicate parameter keys have been submitted: '{key}'. Give each key once."
            )
    return checked


def checked_tags(tags: Mapping[str, str]) -> dict[str, str]:
    _check_count(len(tags), "tags")
    for index, (key, value) in enumerate(tags.items()):
        _check_key(key, f"tags[{index}].key")
        check_text(value, f"tags[{index}].value")
    return dict(tags)


def insert_params(session: Session, model: LoggedModel, params: Mapping[str, str]) -> None:
    if not params:
        return
    rows = [{"model": model.id, "key": key, "value": params[key]} for key in sorted(params)]
    session.execute(insert(session, LoggedModelParam).values(rows).on_conflict_do_nothing())
    # Read back after writing: whoever wrote a key first, be it another process, wins.
    stored = session.execute(
        select(LoggedModelParam.key, LoggedModelParam.value)
        .where(LoggedModelParam.model == model.id, LoggedModelParam.key.in_(params))
        .order_by(LoggedModelParam.key)
    )
    for key, value in stored:
        if value != params[key]:
            raise BadRequest(
                f"Changing param values is not allowed. Param with key='{key}' was already logged "
                f"with value='{value[:200]}' for model ID='{model.model_id}'. Attempted logging "
                f"new value '{params[key][:200]}'."
            )


def upsert_tags(session: Session, model: LoggedModel, tags: Mapping[str, str]) -> None:
    if not tags:
        return
    rows = [{"model": model.id, "key": key, "value": tags[key]} for key in sorted(tags)]
    new = insert(session, LoggedModelTag).values(rows)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["model", "key"], set_={"value": new.excluded.value}
        )
    )


def _check_count(found: int, field: str) -> None:
    if found > MAX_PAIRS:
        raise BadRequest(
            f"One request can hold at most {MAX_PAIRS} {field}. Got {found}: split them up."
        )


def _check_key(key: str, field: str) -> None:
    check_text(key, field, limit=MAX_KEY)
    if not key:
        raise BadRequest(f"Missing value for required parameter '{field}': it needs a name.")
