"""/experiments: all of them, and the runs of one."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Response, render_template, request
from podium.client.entities import Experiment, Page
from podium.client.errors import BadRequest
from podium.tracker import experiments as service
from podium.tracker import overview, saved_views
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.runs import table as runs
from podium.tracker.runs.groups import Groups, group_runs
from podium.tracker.search import InvalidSearch, containing
from podium.tracker.services import services

from .access import may_share
from .answers import answer, link
from .asked import VIEWS, Asked
from .charts import overlays
from .snippet import snippet
from .table import NAME, Column, default_columns, groupable, keys_in, next_order, offered

experiments = Blueprint("experiments", __name__, url_prefix="/experiments")

PAGE = 50
_MAX_REFRESHED = 100


@experiments.get("")
@allow(READ)
def listing() -> Response:
    """All experiments, newest first; ``q`` is a part of their names."""
    text, view = request.args.get("q", ""), request.args.get("view", "active")
    page: Page[Experiment] = Page(())
    refused = ""
    try:
        page = service.search_experiments(
            services().db,
            view=VIEWS.get(view, VIEWS["active"]),
            filter=f"name ILIKE {containing(text)}" if text else "",
            max_results=PAGE,
            page_token=request.args.get("page") or None,
        )
    except BadRequest as error:
        refused = error.message
    found = [each.experiment_id for each in page.items]
    return answer(
        "experiments.html",
        refused,
        page=page,
        activity=overview.activity(services().db, found) if found else {},
        nothing=overview.Activity(),
        q=text,
        view=view,
        link=link,
    )


@experiments.get("/<experiment_id>")
@allow(READ)
def page(experiment_id: str) -> Response:
    """The runs of an experiment, as a table or as charts."""
    return experiment_page(experiment_id)


def experiment_page(experiment_id: str, denied: str = "") -> Response:
    """``denied`` is why what a form on the page asked for was not done."""
    experiment = service.get_experiment(services().db, experiment_id)
    found, groups = runs.Table(), None
    refused, offset = "", None
    asked = Asked(request.path)
    try:
        asked = Asked.read(f"/experiments/{experiment.experiment_id}", request.args)
        found = search(experiment_id, asked)
    except BadRequest as error:
        refused = error.message
        offset = error.offset if isinstance(error, InvalidSearch) else None
        # What was typed stays in the box, to be mended.
        asked = Asked(asked.path, filter=request.args.get("filter", ""))
    columns = asked.columns or default_columns(found.common)
    if asked.group is not None:
        groups = _groups(experiment_id, asked, asked.group, columns)
    chosen = [run for run in found.rows if run.run_id in asked.selected] or found.rows
    return answer(
        "experiment.html",
        refused,
        denied=denied,
        offset=offset,
        experiment=experiment,
        sharing=may_share("experiment", experiment.experiment_id),
        note=experiment.tags.get("mlflow.note.content", ""),
        asked=asked,
        table=found,
        groups=groups,
        views=saved_views.list_views(services().db, experiment_id),
        name=NAME,
        columns=columns,
        groupable=groupable(found.common, asked.group),
        offered=offered(found.common, columns),
        overlays=overlays(chosen) if asked.tab == "charts" else None,
        next_order=next_order,
        snippet=snippet(
            asked, experiment.experiment_id, experiment.name, request.url_root.rstrip("/")
        ),
        rows_path=asked.part("rows", column=[column.name for column in columns]),
    )


@experiments.get("/<experiment_id>/rows")
@allow(READ)
def rows(experiment_id: str) -> str:
    """Some rows of the table as they are now, for a page that shows runs that go on."""
    experiment = service.get_experiment(services().db, experiment_id)
    asked = Asked.read(f"/experiments/{experiment.experiment_id}", request.args)
    return render_template(
        "run_rows.html",
        rows=runs.read_rows(services().db, asked.selected[:_MAX_REFRESHED], keys_in(asked.columns)),
        columns=asked.columns,
    )


def search(experiment_id: str, asked: Asked) -> runs.Table:
    return runs.read_table(
        services().db,
        experiment_id=experiment_id,
        filter=asked.filter,
        view=VIEWS[asked.view],
        order_by=[asked.order.clause],
        max_results=PAGE,
        page_token=asked.page or None,
        # Charts are of what most runs have.
        keys=keys_in(asked.columns) if asked.columns and asked.tab == "table" else None,
    )


def _groups(experiment_id: str, asked: Asked, by: Column, columns: Sequence[Column]) -> Groups:
    return group_runs(
        services().db,
        experiment_id=experiment_id,
        kind=by.kind,
        key=by.key,
        filter=asked.filter,
        view=VIEWS[asked.view],
        metrics=[each.measured for each in columns if each.kind == "metrics"],
    )
