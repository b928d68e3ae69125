"""/runs/<run_id>: one run, and its files."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, render_template, request
from podium.client.entities import ModelVersion, RunSnapshot
from podium.client.errors import NotFound
from podium.tracker import experiments, overview, run_files
from podium.tracker import runs as service
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.services import services

from .. import versions
from . import charts
from .files import Files, Place, look

runs = Blueprint("runs", __name__, url_prefix="/runs")

_PARENT = "mlflow.parentRunId"
_MAX_CHILDREN = 100
# Told as facts about the run, not as tags somebody chose.
_FACTS = {
    "mlflow.user": "User",
    "mlflow.source.name": "Source",
    "mlflow.source.git.commit": "Commit",
}
_SYSTEM = ("mlflow.", "podium.")


@runs.get("/<run_id>")
@allow(READ)
def page(run_id: str) -> str:
    run = service.get_run(services().db, run_id)
    metrics = overview.metrics_of(services().db, run_id)
    return render_template(
        "run.html",
        run=run,
        experiment=experiments.get_experiment(services().db, run.experiment_id),
        metrics=metrics,
        charts=charts.of_run(run, metrics),
        facts=_facts(run),
        tags={key: value for key, value in run.tags.items() if not key.startswith(_SYSTEM)},
        note=run.tags.get("mlflow.note.content", ""),
        models=overview.models_of(services().db, run_id),
        parent=_parent(run),
        children=_children(run),
        registered=_registered(run),
        files=_files(run),
    )


@runs.get("/<run_id>/files")
@allow(READ)
def files(run_id: str) -> str:
    """The files alone, for a page that has the rest; without a script, the whole page."""
    if request.headers.get("HX-Request") != "true":
        return page(run_id)
    run = service.get_run(services().db, run_id)
    return render_template("files.html", run=run, files=_files(run))


def _facts(run: RunSnapshot) -> dict[str, str]:
    found = {label: run.tags[tag] for tag, label in _FACTS.items() if run.tags.get(tag)}
    if run.user_id and "User" not in found:
        found["User"] = run.user_id
    return found


def _parent(run: RunSnapshot) -> RunSnapshot | None:
    try:
        return service.get_run(services().db, run.tags[_PARENT])
    except (KeyError, NotFound):
        return None


def _children(run: RunSnapshot) -> Sequence[RunSnapshot]:
    return service.search_runs(
        services().db,
        experiment_ids=[run.experiment_id],
        filter=f"tags.`{_PARENT}` = '{run.run_id}'",
        order_by=["attributes.start_time ASC"],
        max_results=_MAX_CHILDREN,
    ).items


def _files(run: RunSnapshot) -> Files:
    place = Place(
        root=run_files.root_of(services().db, run.run_id),
        page=f"/runs/{run.run_id}/files",
        download=f"/get-artifact?run_id={run.run_id}",
        nothing="No files yet. Store one:",
        hint='client.log_artifact("confusion.png")',
    )
    return look(services().store, place, request.args.get("path", ""))


def _registered(run: RunSnapshot) -> Sequence[ModelVersion]:
    """The versions of models that this run has made."""
    return versions.search_versions(
        services().db,
        filter=f"run_id = '{run.run_id}'",
        order_by=["name ASC", "version_number DESC"],
        max_results=_MAX_CHILDREN,
    ).items
