"""/runs/<run_id>: one run, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Blueprint, render_template, request
from podium.client.entities import FileInfo, RunSnapshot
from podium.client.errors import NotFound
from podium.tracker import experiments, overview, run_files
from podium.tracker import runs as service
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.services import services

from . import charts
from .previews import Preview, preview

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


@dataclass(frozen=True, slots=True)
class Crumb:
    name: str
    link: str


@dataclass(frozen=True, slots=True)
class Files:
    """A folder of the run and, when the path is a file, what can be shown of it."""

    folder: Sequence[FileInfo]
    crumbs: tuple[Crumb, ...]
    path: str
    name: str
    preview: Preview | None
    download: str


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
        files=_files(run, request.args.get("path", "")),
    )


@runs.get("/<run_id>/files")
@allow(READ)
def files(run_id: str) -> str:
    """The files alone, for a page that has the rest; without a script, the whole page."""
    if request.headers.get("HX-Request") != "true":
        return page(run_id)
    run = service.get_run(services().db, run_id)
    return render_template("files.html", run=run, files=_files(run, request.args.get("path", "")))


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


def _files(run: RunSnapshot, asked: str) -> Files:
    db, store = services().db, services().store
    path = ArtifactPath.parse_folder(asked)
    shown = preview(store, run_files.root_of(db, run.run_id) / path) if path.key else None
    folder = path.key.rpartition("/")[0] if shown is not None else path.key
    crumbs, below = [Crumb("files", _link(run, ""))], ""
    for segment in folder.split("/") if folder else ():
        below = f"{below}/{segment}" if below else segment
        crumbs.append(Crumb(segment, _link(run, below)))
    return Files(
        folder=run_files.list_files(db, store, run.run_id, folder),
        crumbs=tuple(crumbs),
        path=path.key,
        name=path.name,
        preview=shown,
        download="/get-artifact?" + urlencode({"run_id": run.run_id, "path": path.key}),
    )


def _link(run: RunSnapshot, path: str) -> str:
    return f"/runs/{run.run_id}/files" + (f"?{urlencode({'path': path})}" if path else "")
