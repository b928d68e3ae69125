"""/runs/<run_id>: one run, a page for each side of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from podium.client.entities import ModelVersion, RunSnapshot
from podium.client.errors import NotFound
from podium.tracker import experiments, overview, run_files
from podium.tracker import runs as service
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.services import services

from .. import versions
from ..launches.read import usage_of_run
from . import charts, lineage, logs
from .answers import link
from .environment import source
from .files import Files, Place, look
from .frames import framed
from .launches import of_run

runs = Blueprint("runs", __name__, url_prefix="/runs")

PARENT_TAG, NOTE_TAG = "mlflow.parentRunId", "mlflow.note.content"
_MAX_CHILDREN = 100
_METRICS_A_PAGE = 200
_SYSTEM = ("mlflow.", "podium.")


@runs.get("/<run_id>")
@allow(READ)
def page(run_id: str) -> str:
    """Its charts, and beside them what it was started with and what became of it."""
    return run_page(run_id)


def run_page(run_id: str, *, denied: str = "", typed: Mapping[str, str] | None = None) -> str:
    """``denied`` is why a change, asked for by the form that said ``typed``, was refused."""
    run = service.get_run(services().db, run_id)
    registered = _registered(run)
    return _render(
        run,
        "run.html",
        grid=_grid(run, system=False),
        registered=registered,
        tags={key: value for key, value in run.tags.items() if not key.startswith(_SYSTEM)},
        denied=denied,
        typed=typed,
        launches=of_run(run.run_id, registered),
        used=usage_of_run(services().db, run.run_id),
    )


@runs.get("/<run_id>/metrics")
@allow(READ)
def metrics(run_id: str) -> str:
    """Every metric as a row; ``q`` is a part of their keys."""
    run = service.get_run(services().db, run_id)
    text = request.args.get("q", "")
    every = overview.metrics_of(services().db, run_id)
    found = [each for each in every if text.lower() in each.key.lower()]
    first = max(0, request.args.get("from", 0, type=int))
    return _render(
        run,
        "run_metrics.html",
        metrics=found[first : first + _METRICS_A_PAGE],
        first=first,
        more=len(found) > first + _METRICS_A_PAGE,
        step=_METRICS_A_PAGE,
        total=len(found),
        q=text,
        link=link,
    )


@runs.get("/<run_id>/system")
@allow(READ)
def system(run_id: str) -> str:
    """What was logged of the machine."""
    run = service.get_run(services().db, run_id)
    return _render(run, "run_system.html", grid=_grid(run, system=True))


@runs.get("/<run_id>/files")
@allow(READ)
def files(run_id: str) -> str:
    """For htmx the files alone: the page has the rest already."""
    run = service.get_run(services().db, run_id)
    if request.headers.get("HX-Request") == "true":
        return render_template("files.html", run=run, files=_files(run))
    return _render(run, "run_files.html", files=_files(run))


@runs.get("/<run_id>/frame")
@allow(READ)
def frame(run_id: str) -> Response:
    """A page among its files, for a frame."""
    path = run_files.file_of(services().db, run_id, request.args.get("path", ""))
    return framed(services().store, path)


@runs.get("/<run_id>/logs")
@allow(READ)
def log_files(run_id: str) -> str:
    """The ends of the files below ``logs``."""
    run = service.get_run(services().db, run_id)
    root = run_files.root_of(services().db, run_id)
    told = logs.look(services().store, root, request.args.get("file", ""))
    return _render(run, "run_logs.html", logs=told)


@runs.get("/<run_id>/source")
@allow(READ)
def origin(run_id: str) -> str:
    """Which code it ran, where, with which packages."""
    run = service.get_run(services().db, run_id)
    folders = overview.folders_of(services().db, [run_id])[run_id]
    return _render(run, "run_source.html", source=source(services().store, run, folders))


@runs.get("/<run_id>/lineage")
@allow(READ)
def graph(run_id: str) -> str:
    """What it has read, what it has made, and what became of that."""
    run = service.get_run(services().db, run_id)
    return _render(
        run,
        "run_lineage.html",
        lineage=lineage.of_run(services().db, run),
        models=overview.models_of(services().db, run_id),
        registered=_registered(run),
        children=_children(run),
    )


def _render(
    run: RunSnapshot,
    template: str,
    *,
    denied: str = "",
    typed: Mapping[str, str] | None = None,
    **values: Any,
) -> str:
    return render_template(
        template,
        run=run,
        experiment=experiments.get_experiment(services().db, run.experiment_id),
        parent=_parent(run),
        note=run.tags.get(NOTE_TAG, ""),
        denied=denied,
        typed=typed or {},
        **values,
    )


def _grid(run: RunSnapshot, *, system: bool) -> charts.Grid:
    """A regular expression is the script's to understand."""
    text = request.args.get("q", "")
    find = "" if text.startswith("/") else text
    found = overview.metrics_of(services().db, run.run_id)
    return charts.grid(run, found, system=system, find=find)


def _parent(run: RunSnapshot) -> RunSnapshot | None:
    try:
        return service.get_run(services().db, run.tags[PARENT_TAG])
    except (KeyError, NotFound):
        return None


def _children(run: RunSnapshot) -> Sequence[RunSnapshot]:
    return service.search_runs(
        services().db,
        experiment_ids=[run.experiment_id],
        filter=f"tags.`{PARENT_TAG}` = '{run.run_id}'",
        order_by=["attributes.start_time ASC"],
        max_results=_MAX_CHILDREN,
    ).items


def _files(run: RunSnapshot) -> Files:
    place = Place(
        root=run_files.root_of(services().db, run.run_id),
        page=url_for("runs.files", run_id=run.run_id),
        download=f"/get-artifact?run_id={run.run_id}",
        nothing="No files yet. Store one:",
        hint='client.log_artifact("confusion.png")',
        frame=url_for("runs.frame", run_id=run.run_id),
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
