"""/logged-models/<model_id>: a model that a training has logged, before anybody registers it."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from podium.client.entities import LoggedModel, RunSnapshot
from podium.client.errors import NotFound
from podium.tracker import experiments, runs
from podium.tracker import logged_models as service
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.logged_models.files import root_of
from podium.tracker.services import services

from .. import versions
from .files import Files, Place, look

logged_models = Blueprint("logged_models", __name__, url_prefix="/logged-models")

_MAX_VERSIONS = 100


@logged_models.get("/<model_id>")
@allow(READ)
def page(model_id: str) -> str:
    db = services().db
    model = service.get_model(db, model_id)
    return render_template(
        "logged_model.html",
        model=model,
        experiment=experiments.get_experiment(db, model.experiment_id),
        run=_run(model),
        registered=versions.search_versions(
            db,
            filter=f"model_id = '{model.model_id}'",
            order_by=["name ASC", "version_number DESC"],
            max_results=_MAX_VERSIONS,
        ).items,
        tags={key: each for key, each in model.tags.items() if not key.startswith("mlflow.")},
        files=_files(model),
    )


@logged_models.get("/<model_id>/files")
@allow(READ)
def files(model_id: str) -> str:
    """The files alone, for a page that has the rest; without a script, the whole page."""
    if request.headers.get("HX-Request") != "true":
        return page(model_id)
    model = service.get_model(services().db, model_id)
    return render_template("files.html", files=_files(model))


def _run(model: LoggedModel) -> RunSnapshot | None:
    try:
        return runs.get_run(services().db, model.source_run_id) if model.source_run_id else None
    except NotFound:
        return None


def _files(model: LoggedModel) -> Files:
    place = Place(
        root=root_of(services().db, model.model_id),
        page=url_for("logged_models.files", model_id=model.model_id),
        download=f"/ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/files",
        nothing="It has no files.",
        parameter="artifact_file_path",
    )
    return look(services().store, place, request.args.get("path", ""))
