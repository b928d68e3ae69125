"""POST /experiments/<id>/selection/…: what is done with the runs that are ticked in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request
from podium.tracker import runs
from podium.tracker.auth.permissions import LOG, allow
from podium.tracker.db import Database
from podium.tracker.services import services

from .answers import attempt, link_to
from .experiments import experiment_page

selection = Blueprint("selection", __name__, url_prefix="/experiments")


@selection.post("/<experiment_id>/selection/delete")
@allow(LOG)
def delete(experiment_id: str) -> Response:
    return _change(experiment_id, runs.delete_runs)


@selection.post("/<experiment_id>/selection/restore")
@allow(LOG)
def restore(experiment_id: str) -> Response:
    return _change(experiment_id, runs.restore_runs)


@selection.post("/<experiment_id>/selection/tag")
@allow(LOG)
def tag(experiment_id: str) -> Response:
    key, value = request.form.get("key", ""), request.form.get("value", "")
    return _change(experiment_id, lambda db, run_ids: runs.tag_runs(db, run_ids, key, value))


def _change(experiment_id: str, change: Callable[[Database, Sequence[str]], int]) -> Response:
    """Back to the table as it was: the form's address has its filter and columns."""

    def act() -> str:
        change(services().db, request.form.getlist("run"))
        return link_to(f"/experiments/{experiment_id}", **request.args.to_dict(flat=False))

    return attempt(act, lambda refused: experiment_page(experiment_id, denied=refused))
