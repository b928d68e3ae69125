"""Sources of versions: what a client writes, and where on this server it leads.

A version's files are among the artifacts of this server, within the run or the logged model that
the client names. Whatever leads elsewhere is refused: another scheme, another host, a path that
climbs. Nothing here becomes a path of the server's own disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_run_id, check_text, is_latest, shown
from podium.tracker.artifacts.paths import LOCATION, ArtifactPath, parse_artifact_uri
from podium.tracker.logged_models.tables import LoggedModel
from podium.tracker.models import Run
from podium.tracker.runs.read import find_run
from podium.tracker.storage.places import RUN, owner_of
from podium.tracker.storage.tables import Doomed
from sqlalchemy import select
from sqlalchemy.orm import Session

from . import prompts
from .aliases import find_aliased
from .logged_models import find_logged, of_run
from .models import ModelVersion
from .promotion.stage_sets import stages_of
from .read import find_model, find_version, latest, model_entities

MAX_SOURCE = 2000
_RUNS = re.compile(r"runs:/([0-9a-f]{32})/(.+)", re.DOTALL)
_LOGGED = re.compile(r"models:/(m-[0-9a-f]{32})")
_REGISTERED = re.compile(r"models:/([^/]+)(?:/([^/]+))?")


@dataclass(frozen=True, slots=True)
class Source:
    """``uri`` is as it was written, but for a name that can move, which became a version."""

    uri: str
    storage_location: str
    run_id: str | None
    model_id: str | None


def resolve(
    session: Session, source: str, *, run_id: str | None = None, model_id: str | None = None
) -> Source:
    """Where a source leads, and which run and logged model it comes from.

    :class:`BadRequest` for one that is not within what ``run_id`` or ``model_id`` name.
    """
    check_text(source, "source", limit=MAX_SOURCE)
    run_id, model_id = run_id or None, model_id or None
    if run_id is not None:
        check_run_id(run_id)
    if _LOGGED.fullmatch(source):
        return _logged(session, source, run_id, model_id)
    if source.startswith("models:/"):
        return _registered(session, source, run_id, model_id)
    if source.startswith("runs:/"):
        return _of_run(session, source, run_id, model_id)
    if source.startswith("mlflow-artifacts:"):
        return _artifacts(session, source, run_id, model_id)
    raise BadRequest(
        f"Invalid model version source: {shown(source)}. It must be of this server: "
        "runs:/<run_id>/<path>, models:/<model_id>, models:/<name>/<version> or "
        "mlflow-artifacts:/… within the run or logged model that 'run_id' or 'model_id' names."
    )


def keep(session: Session, found: Source) -> None:
    """Make sure, in the registering transaction, that the files stay: who removes runs and files
    locks their run or logged model, and looks what is registered afterwards.

    :class:`BadRequest` when they were removed just now.
    """
    place = found.storage_location.removeprefix(LOCATION)
    owner = owner_of(f"{place}/x")
    if not place or owner is None:
        return
    if owner.kind == RUN:
        row = select(Run.id).where(Run.run_id == owner.id)
        there = session.scalar(row.with_for_update(read=True, key_share=True))
    else:
        # As ``tell_version`` locks it later: a shared lock that is raised can deadlock.
        model = select(LoggedModel.id).where(LoggedModel.model_id == owner.id)
        there = session.scalar(model.with_for_update())
    # The files of a copied version stay for the version it is a copy of.
    copied = _LOGGED.fullmatch(found.uri) is None and found.uri.startswith("models:/")
    if (there is None and not copied) or session.scalar(
        select(Doomed.place).where(Doomed.place == owner.folder, Doomed.why != "found")
    ):
        raise BadRequest(
            f"Invalid model version source: {shown(found.uri)}. Its files were removed by a "
            "retention policy, or because its run was deleted."
        )


def prompt_source(source: str) -> Source:
    """A prompt has no files, so its source says nothing; and no other may be smuggled in by it."""
    if source not in prompts.SOURCES:
        raise BadRequest(
            f"Invalid prompt source: {shown(source)}. Prompt sources must use an MLflow "
            f"placeholder, as in {prompts.SOURCES[0]!r}."
        )
    return Source(source, "", None, None)


def _logged(session: Session, source: str, run_id: str | None, model_id: str | None) -> Source:
    named = source.removeprefix("models:/")
    if model_id is not None and model_id != named:
        _refuse(source, "model_id")
    found = _model(session, source, named)
    if run_id is not None and run_id != found.source_run_id:
        _run(session, source, run_id)
    return Source(source, found.artifact_uri, run_id or found.source_run_id, named)


def _registered(session: Session, source: str, run_id: str | None, model_id: str | None) -> Source:
    """A copy of a version has its files, its run and its logged model."""
    original = _version_of(session, source)
    [model] = model_entities(session, [find_model(session, original.registered.name)])
    if prompts.is_prompt(model.tags) or not original.storage_location:
        raise BadRequest(
            f"Invalid model version source: {shown(source)}. Prompt versions cannot be used as "
            "model version sources."
        )
    if run_id not in (None, original.run_id) or model_id not in (None, original.model_id):
        raise BadRequest(
            f"Invalid model version source: {shown(source)}. The run_id and model_id request "
            "parameters must match the referenced model version."
        )
    uri = f"models:/{model.name}/{original.version}"
    return Source(uri, original.storage_location, original.run_id, original.model_id)


def _version_of(session: Session, source: str) -> ModelVersion:
    """``models:/`` and then ``name/3``, ``name/Production``, ``name/latest`` or ``name@alias``."""
    written = _REGISTERED.fullmatch(source)
    if written is None:
        _refuse(source, "model_id")
    name, suffix = written.groups()
    if suffix is None:
        name, _, alias = name.rpartition("@")
        if not name:
            _refuse(source, "model_id")
        return find_aliased(session, name, alias)
    if re.fullmatch("[0-9]+", suffix):
        return find_version(session, name, suffix)
    if is_latest(suffix):
        return find_aliased(session, name, suffix)
    model = find_model(session, name)
    stage = stages_of(session, name).named(suffix).name
    held = [each for each in latest(session, [model.id])[model.id] if each.stage == stage]
    if not held:
        raise NotFound(f"No versions of model with name '{name}' and stage '{stage}' found")
    return held[0]


def _of_run(session: Session, source: str, run_id: str | None, model_id: str | None) -> Source:
    written = _RUNS.fullmatch(source)
    if written is None or model_id is not None or run_id not in (None, written[1]):
        _refuse(source, "run_id" if model_id is None else "model_id")
    run = _run(session, source, written[1])
    below = _checked(source, written[2])
    # What log_model has made is found under the run and a name, but its files are its own.
    made = of_run(session, run, below.key)
    if made is not None:
        return Source(source, made.artifact_uri, run.run_id, made.model_id)
    root = parse_artifact_uri(run.artifact_uri)
    return Source(source, f"mlflow-artifacts:/{root / below}", run.run_id, None)


def _artifacts(session: Session, source: str, run_id: str | None, model_id: str | None) -> Source:
    """The place itself, which has to be within that of what is named."""
    try:
        place = parse_artifact_uri(source, field="source")
    except BadRequest as wrong:
        raise BadRequest(f"Invalid model version source: {wrong.message}") from None
    if model_id is not None:
        found = _model(session, source, model_id)
        root, run_id = parse_artifact_uri(found.artifact_uri), run_id or found.source_run_id
    elif run_id is not None:
        root = parse_artifact_uri(_run(session, source, run_id).artifact_uri)
    else:
        _refuse(source, "run_id")
    if place.segments[: len(root.segments)] != root.segments:
        _refuse(source, "run_id" if model_id is None else "model_id")
    return Source(source, f"mlflow-artifacts:/{place}", run_id, model_id)


def _run(session: Session, source: str, run_id: str) -> Run:
    try:
        return find_run(session, run_id)
    except NotFound:
        _refuse(source, "run_id")


def _model(session: Session, source: str, model_id: str) -> LoggedModel:
    try:
        return find_logged(session, model_id)
    except NotFound:
        _refuse(source, "model_id")


def _checked(source: str, path: str) -> ArtifactPath:
    try:
        return ArtifactPath.parse_folder(path, field="source")
    except BadRequest as wrong:
        raise BadRequest(
            f"Invalid model version source: {shown(source)}. {wrong.message}"
        ) from None


def _refuse(source: str, field: str) -> NoReturn:
    raise BadRequest(
        f"Invalid model version source: {shown(source)}. The {field} request parameter must "
        "identify the resource that contains the source."
    )
