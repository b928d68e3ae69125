"""What went into a run and what came out of it: data sets and logged models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from podium.client.entities import DatasetInput, ModelOutput
from podium.client.errors import BadRequest
from podium.client.rules import check_int64
from sqlalchemy.orm import Session

from .. import datasets
from ..db import Database, insert
from ..logged_models import find_models
from ..logged_models.tables import RunModel
from ..models import Run, Tag
from .read import find_active

MAX_MODELS = 1000
HISTORY_TAG = "mlflow.log-model.history"
_IN_HISTORY = ("run_id", "utc_time_created", "artifact_path", "model_uuid")
_NEEDED = ("artifact_path", "flavors", "utc_time_created", "run_id")


def log_inputs(
    db: Database,
    run_id: str,
    *,
    inputs: Sequence[DatasetInput] = (),
    models: Sequence[str] = (),
) -> None:
    """The run has read these data sets and logged models. Telling it again changes nothing."""
    datasets.check_inputs(inputs)
    links = [ModelOutput(each) for each in models]
    with db.writing() as session:
        run = find_active(session, run_id)
        datasets.attach(session, run, inputs)
        _link(session, run, "input", links)


def log_outputs(db: Database, run_id: str, models: Sequence[ModelOutput]) -> None:
    """The run has made these logged models. Telling it again changes nothing."""
    for index, each in enumerate(models):
        check_int64(each.step, f"models[{index}].step")
    with db.writing() as session:
        _link(session, find_active(session, run_id), "output", models)


def record_model(db: Database, run_id: str, model_json: str) -> None:
    """MLflow 2's way to say that a run has logged a model: one more entry in a tag of the run."""
    entry = _history_entry(model_json)
    with db.writing() as session:
        run = find_active(session, run_id, change=True)
        tag = session.get(Tag, (run.id, HISTORY_TAG))
        if tag is None:
            session.add(Tag(run=run.id, key=HISTORY_TAG, value=json.dumps([entry])))
            return
        try:
            history = json.loads(tag.value)
        except ValueError:
            history = None
        if not isinstance(history, list):
            raise BadRequest(
                f"The tag {HISTORY_TAG} of run {run_id} is no JSON list, so nothing can be added "
                "to it. Delete the tag, and log the model again."
            )
        tag.value = json.dumps([*history, entry])


def _link(session: Session, run: Run, direction: str, models: Sequence[ModelOutput]) -> None:
    if len(models) > MAX_MODELS:
        raise BadRequest(
            f"One request can hold at most {MAX_MODELS} models. Got {len(models)}: split them up."
        )
    if not models:
        return
    known = find_models(session, (each.model_id for each in models))
    rows = [
        {
            "run": run.id,
            "direction": direction,
            "model": known[each.model_id].id,
            "step": each.step,
        }
        for each in models
    ]
    session.execute(insert(session, RunModel).on_conflict_do_nothing(), rows)


def _history_entry(model_json: str) -> dict[str, Any]:
    try:
        model = json.loads(model_json)
    except (ValueError, RecursionError):
        model = None
    if not isinstance(model, dict):
        raise BadRequest(
            f"Malformed model info. \n {model_json[:1000]} \n is not a valid JSON object."
        )
    missing = [field for field in _NEEDED if field not in model]
    if missing or not isinstance(model["flavors"], dict):
        raise BadRequest(
            f"Model json is missing mandatory fields: {missing or ['flavors']}. Send the contents "
            "of the model's MLmodel file as JSON."
        )
    flavors = {
        name: {key: value for key, value in flavor.items() if key != "config"}
        if isinstance(flavor, dict)
        else flavor
        for name, flavor in model["flavors"].items()
    }
    return {
        **{field: model[field] for field in _IN_HISTORY if field in model},
        "flavors": flavors,
    }
