"""Logging to a run: points, params and tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from podium.client.entities import Metric, ModelMetric
from podium.client.errors import BadRequest, NotFound
from podium.client.rules import (
    MAX_PARAM_VALUE,
    MAX_RUN_NAME,
    MAX_TAG_VALUE,
    check_key,
    check_text,
)
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..db import Database, insert
from ..logged_models import append_metrics
from ..metrics import PointTable, append_batch, append_points
from ..models import Param, Run, Tag
from .heartbeat import revive_run
from .read import find_active

NAME_TAG = "mlflow.runName"
MAX_METRICS, MAX_PARAMS, MAX_TAGS, MAX_BATCH = 1000, 100, 100, 1000


def log_batch(
    db: Database,
    run_id: str,
    *,
    metrics: PointTable | Sequence[Metric] = (),
    model_metrics: Sequence[ModelMetric] = (),
    params: Sequence[tuple[str, str]] = (),
    tags: Sequence[tuple[str, str]] = (),
) -> None:
    """Log all of it or, when anything is refused, nothing.

    ``model_metrics`` are those of ``metrics`` that were measured of logged models.

    Params never change: the same value again is no error, another one is. Values over the limits
    (6,000 characters for a param, 8,000 for a tag) are cut, as MLflow's server does.
    """
    _check_batch_sizes(metrics, params, tags)
    new_params = _checked_params(params)
    new_tags = checked_tags(tags)
    points = metrics if isinstance(metrics, PointTable) else PointTable.of_metrics(metrics)
    points.check()
    with db.writing() as session:
        run = find_active(session, run_id, change=NAME_TAG in new_tags)
        _insert_params(session, run, new_params)
        append_points(session, run.id, points)
        append_metrics(session, run, model_metrics)
        set_tags(session, run, new_tags)
    _revive(db, run)


def log_points(db: Database, run_id: str, data: bytes) -> tuple[int, bool]:
    """Store a binary batch (see ``podium.client.wire``); returns (points, whether it was new)."""
    with db.writing() as session:
        run = find_active(session, run_id)
        stored = append_batch(session, run.id, data)
    _revive(db, run)
    return stored


def _revive(db: Database, run: Run) -> None:
    """In a transaction of its own: to raise the lock that writers share can deadlock."""
    if run.crashed:
        revive_run(db, run.run_id)


def delete_tag(db: Database, run_id: str, key: str) -> None:
    with db.writing() as session:
        run = find_active(session, run_id)
        gone = session.execute(
            delete(Tag).where(Tag.run == run.id, Tag.key == key).returning(Tag.key)
        ).first()
        if gone is None:
            raise NotFound(f"No tag with name: {key} in run with id {run_id}")


def checked_tags(tags: Iterable[tuple[str, str]]) -> dict[str, str]:
    checked: dict[str, str] = {}
    for index, (key, value) in enumerate(tags):
        check_key(key, f"tags[{index}].key", kind="tag")
        checked[key] = check_text(value, f"tags[{index}].value")[:MAX_TAG_VALUE]
    return checked


def set_tags(session: Session, run: Run, tags: Mapping[str, str]) -> None:
    if not tags:
        return
    if NAME_TAG in tags:
        run.name = check_text(tags[NAME_TAG], "run_name", limit=MAX_RUN_NAME)
    rows = [{"run": run.id, "key": key, "value": tags[key]} for key in sorted(tags)]
    new = insert(session, Tag).values(rows)
    session.execute(
        new.on_conflict_do_update(index_elements=["run", "key"], set_={"value": new.excluded.value})
    )


def _check_batch_sizes(
    metrics: PointTable | Sequence[Metric],
    params: Sequence[tuple[str, str]],
    tags: Sequence[tuple[str, str]],
) -> None:
    for field, found, limit in (
        ("metrics", len(metrics), MAX_METRICS),
        ("params", len(params), MAX_PARAMS),
        ("tags", len(tags), MAX_TAGS),
        ("metrics, params and tags together", len(metrics) + len(params) + len(tags), MAX_BATCH),
    ):
        if found > limit:
            raise BadRequest(
                f"A batch logging request can contain at most {limit} {field}. Got {found} "
                f"{field}. Please split up {field} across multiple requests and try again."
            )


def _checked_params(params: Iterable[tuple[str, str]]) -> dict[str, str]:
    checked: dict[str, str] = {}
    for index, (key, value) in enumerate(params):
        check_key(key, f"params[{index}].key", kind="param")
        if key in checked:
            raise BadRequest(
                f"Duplicate parameter keys have been submitted: '{key}'. Give each key once."
            )
        checked[key] = check_text(value, f"params[{index}].value")[:MAX_PARAM_VALUE]
    return checked


def _insert_params(session: Session, run: Run, params: Mapping[str, str]) -> None:
    if not params:
        return
    rows = [{"run": run.id, "key": key, "value": params[key]} for key in sorted(params)]
    session.execute(insert(session, Param).values(rows).on_conflict_do_nothing())
    # Read back after writing: whoever wrote a key first, be it another process, wins.
    stored = session.execute(
        select(Param.key, Param.value).where(Param.run == run.id, Param.key.in_(params))
    )
    changed = {key: value for key, value in stored if value != params[key]}
    if len(changed) == 1 and len(params) == 1:
        [(key, value)] = changed.items()
        raise BadRequest(
            f"Changing param values is not allowed. Param with key='{key}' was already logged with "
            f"value='{value}' for run ID='{run.run_id}'. Attempted logging new value "
            f"'{params[key]}'."
        )
    if changed:
        conflicts = [
            {"key": key, "old_value": value, "new_value": params[key]}
            for key, value in changed.items()
        ]
        raise BadRequest(
            f"Changing param values is not allowed. Params were already logged='{conflicts}' for "
            f"run ID='{run.run_id}'."
        )
