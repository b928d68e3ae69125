"""Changing a run from its page: its name, note and tags, and whether it is there; registering what
it has made.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from flask import Blueprint, Response, make_response, request, url_for
from podium.client.errors import AlreadyExists, BadRequest, NotFound
from podium.tracker import runs as service
from podium.tracker.artifacts.paths import parse_artifact_uri
from podium.tracker.auth.caller import caller
from podium.tracker.auth.permissions import LOG, REGISTER, allow
from podium.tracker.services import services

from .. import registered, sources, versions
from .answers import attempt
from .runs import NOTE_TAG, run_page

run_changes = Blueprint("run_changes", __name__, url_prefix="/runs")


@run_changes.post("/<run_id>/name")
@allow(LOG)
def rename(run_id: str) -> Response:
    name = request.form.get("name", "")
    return _change(run_id, lambda: service.update_run(services().db, run_id, run_name=name))


@run_changes.post("/<run_id>/note")
@allow(LOG)
def note(run_id: str) -> Response:
    """Markdown; an empty one is no note."""
    text = request.form.get("note", "").replace("\r\n", "\n").strip()
    return _change(
        run_id, lambda: service.log_batch(services().db, run_id, tags=[(NOTE_TAG, text)])
    )


@run_changes.post("/<run_id>/tags")
@allow(LOG)
def tag(run_id: str) -> Response:
    """Set one, whether it is there already or not."""
    pair = (request.form.get("key", "").strip(), request.form.get("value", ""))
    return _change(run_id, lambda: service.log_batch(services().db, run_id, tags=[pair]))


@run_changes.post("/<run_id>/tags/delete")
@allow(LOG)
def untag(run_id: str) -> Response:
    key = request.form.get("key", "")
    return _change(run_id, lambda: service.delete_tag(services().db, run_id, key))


@run_changes.post("/<run_id>/delete")
@allow(LOG)
def delete(run_id: str) -> Response:
    return _change(run_id, lambda: service.delete_run(services().db, run_id))


@run_changes.post("/<run_id>/restore")
@allow(LOG)
def restore(run_id: str) -> Response:
    return _change(run_id, lambda: service.restore_run(services().db, run_id))


@run_changes.post("/<run_id>/register")
@allow(REGISTER)
def register(run_id: str) -> Response:
    """A folder of it as the next version of a model, which is made if there is none."""
    name, path = request.form.get("model", "").strip(), request.form.get("path", "").strip("/ ")

    def act() -> str:
        try:
            version = _register(name, f"runs:/{run_id}/{path}")
        except NotFound as missing:
            raise BadRequest(missing.message) from None
        return url_for("models.version_page", name=name, version=version)

    return _attempt(run_id, act)


def _register(name: str, source: str) -> int:
    """:class:`BadRequest` also where there are no files: a client may send them later, a person
    has mistyped.
    """
    db = services().db
    with db.reading() as session:
        place = parse_artifact_uri(sources.resolve(session, source).storage_location)
    if not services().store.list(place):
        raise BadRequest(
            f"There are no files at {source[:200]!r}. The run's Files side has the folders there "
            "are; give one of them."
        )
    with suppress(AlreadyExists):
        registered.create_model(db, name=name, user_id=caller().name)
    return versions.create_version(db, name=name, source=source, user_id=caller().name).version


def _change(run_id: str, act: Callable[[], object]) -> Response:
    """Do it and show the run; a refusal leaves what was typed in its field."""

    def change() -> str:
        act()
        return url_for("runs.page", run_id=run_id)

    return _attempt(run_id, change)


def _attempt(run_id: str, act: Callable[[], str]) -> Response:
    def again(denied: str) -> Response:
        return make_response(run_page(run_id, denied=denied, typed=request.form))

    return attempt(act, again)
