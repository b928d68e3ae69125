"""POST /experiments/<id>/views and …/shared-views: what the page shows, under a name."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, request
from podium.tracker import saved_views as service
from podium.tracker.auth.permissions import LOG, SELF, allow
from podium.tracker.services import services
from werkzeug.datastructures import MultiDict

from .answers import attempt
from .asked import Asked
from .experiments import experiment_page

saved_views = Blueprint("saved_views", __name__, url_prefix="/experiments/<experiment_id>")


@saved_views.post("/views")
@allow(SELF)
def save(experiment_id: str) -> Response:
    """For whoever asks alone: to look is enough for it."""
    return _save(experiment_id, shared=False)


@saved_views.post("/shared-views")
@allow(LOG)
def share(experiment_id: str) -> Response:
    return _save(experiment_id, shared=True)


@saved_views.post("/views/<int:view_id>/delete")
@allow(SELF)
def delete(experiment_id: str, view_id: int) -> Response:
    return _then(experiment_id, lambda: service.delete_view(services().db, experiment_id, view_id))


@saved_views.post("/shared-views/<int:view_id>/delete")
@allow(LOG)
def delete_shared(experiment_id: str, view_id: int) -> Response:
    return _then(
        experiment_id,
        lambda: service.delete_view(services().db, experiment_id, view_id, shared=True),
    )


def _save(experiment_id: str, *, shared: bool) -> Response:
    def save() -> None:
        service.save_view(
            services().db,
            experiment_id,
            name=request.form.get("name", ""),
            query=_checked(request.form.get("query", "")),
            shared=shared,
        )

    return _then(experiment_id, save)


def _checked(query: str) -> str:
    """What a page would read of it, and nothing else."""
    asked = Asked.read("", MultiDict(parse_qsl(query)))
    return urlencode(asked.query(), doseq=True)


def _then(experiment_id: str, change: Callable[[], None]) -> Response:
    """Back to the page as it was, which the form tells."""

    def act() -> str:
        change()
        query = _checked(request.form.get("query", ""))
        return f"/experiments/{experiment_id}" + (f"?{query}" if query else "")

    return attempt(act, lambda refused: experiment_page(experiment_id, denied=refused))
