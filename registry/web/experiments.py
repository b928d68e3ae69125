"""/experiments: all of them, and the runs of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, request
from podium.client.entities import Experiment, Page, RunSnapshot, ViewType
from podium.client.errors import BadRequest
from podium.tracker import experiments as service
from podium.tracker import overview, runs
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.services import services

from .answers import answer, link, literal, quoted
from .charts import overlays
from .table import NEWEST_FIRST, Column, Order, available, choose, next_order

experiments = Blueprint("experiments", __name__, url_prefix="/experiments")

_PAGE = 50
_VIEWS = {"active": ViewType.ACTIVE_ONLY, "deleted": ViewType.DELETED_ONLY}


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
            view=_VIEWS.get(view, ViewType.ACTIVE_ONLY),
            filter=f"name ILIKE {quoted(f'%{literal(text)}%')}" if text else "",
            max_results=_PAGE,
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of an experiment's page says."""

    filter: str = ""
    order: Order = NEWEST_FIRST
    view: str = "active"
    tab: str = "table"
    page: str = ""
    columns: tuple[str, ...] = ()
    selected: tuple[str, ...] = field(default=())

    @classmethod
    def read(cls) -> Asked:
        args = request.args
        return cls(
            filter=args.get("filter", ""),
            order=Order.parse(args["order"]) if args.get("order") else NEWEST_FIRST,
            view="deleted" if args.get("view") == "deleted" else "active",
            tab="charts" if args.get("tab") == "charts" else "table",
            page=args.get("page", ""),
            columns=tuple(args.getlist("column")),
            selected=tuple(args.getlist("run")),
        )

    def link(self, **changes: Any) -> str:
        """The address with something else in it; another order begins at the first page."""
        given: dict[str, Any] = {
            "filter": self.filter,
            "order": "" if self.order == NEWEST_FIRST else str(self.order),
            "view": "" if self.view == "active" else self.view,
            "tab": "" if self.tab == "table" else self.tab,
            "column": self.columns,
            "page": "",
        }
        return link(**(given | changes))


@experiments.get("/<experiment_id>")
@allow(READ)
def page(experiment_id: str) -> Response:
    """The runs of an experiment, as a table or as charts."""
    experiment = service.get_experiment(services().db, experiment_id)
    found: Page[RunSnapshot] = Page(())
    refused = ""
    asked = Asked()
    try:
        asked = Asked.read()
        found = _search(experiment_id, asked)
        columns = choose(asked.columns, keys := available(found.items))
    except BadRequest as error:
        refused = error.message
        columns = choose((), keys := available(()))
        # What was typed stays in the box, to be mended.
        asked = Asked(filter=request.args.get("filter", ""))
    chosen = [run for run in found.items if run.run_id in asked.selected] or found.items
    return answer(
        "experiment.html",
        refused,
        experiment=experiment,
        asked=asked,
        page=found,
        columns=columns,
        shown={column.name for column in columns},
        keys=keys,
        attributes=_ATTRIBUTES,
        overlays=overlays(chosen) if asked.tab == "charts" else None,
        next_order=next_order,
        running=any(not run.status.ended for run in found.items),
    )


# Columns that every table has, and what their heads say.
_ATTRIBUTES = (
    (Column("attributes", "run_name"), "Run"),
    (Column("attributes", "status"), "Status"),
    (Column("attributes", "start_time"), "Started"),
)


def _search(experiment_id: str, asked: Asked) -> Page[RunSnapshot]:
    return runs.search_runs(
        services().db,
        experiment_ids=[experiment_id],
        filter=asked.filter,
        view=_VIEWS[asked.view],
        order_by=[asked.order.clause],
        max_results=_PAGE,
        page_token=asked.page or None,
    )
