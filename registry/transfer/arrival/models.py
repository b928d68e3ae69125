"""Registered models of another MLflow: versions, stages, aliases, tags, prompts.

A model is one transaction. A version says where it came from in the words of this server: a source
that is an address at the other one becomes the address of the same files here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from podium.client.entities import LifecycleStage
from podium.client.errors import PodiumError
from podium.client.rules import check_text, shown
from podium.tracker import audit
from podium.tracker.artifacts.paths import ArtifactPath
from podium.tracker.logged_models.tables import LoggedModel
from podium.tracker.models import Run
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from ...models import Alias, ModelTag, ModelVersion, RegisteredModel, VersionTag
from .conflicts import Arriving
from .files import copy_files
from .old import OldModel, OldVersion

MAX_NAME = 256
# An address that means the same here as there.
_PORTABLE = ("runs:/", "models:/")


def copy_models(arriving: Arriving, wanted: Sequence[OldModel]) -> None:
    for old in wanted:
        versions = arriving.source.versions(old)
        with arriving.db.reading() as session:
            here = arriving.model_here(session, old)
        if here is None:
            places = {each.version: _place(arriving, old, each) for each in versions}
            with arriving.db.writing() as session:
                _insert(session, arriving, old, versions, places)
        _compare(arriving, old, versions)
        arriving.counts["registered models"] += 1
        arriving.counts["versions"] += len(versions)
        arriving.progress.show("registered models:", arriving.counts["registered models"])


def _insert(
    session: Session,
    arriving: Arriving,
    old: OldModel,
    versions: Sequence[OldVersion],
    places: Mapping[int, str],
) -> None:
    model = RegisteredModel(
        name=check_text(arriving.named(old), "name of a registered model", limit=MAX_NAME),
        description=check_text(old.description, f"description of model {old.name}"),
        creation_time=old.creation_time,
        last_update_time=old.last_update_time,
        last_version=max((each.version for each in versions), default=0),
    )
    session.add(model)
    session.flush()
    _tag(session, ModelTag, "model", model.id, old.tags)
    what = {"versions": len(versions), "from": arriving.source.name}
    audit.record(session, "model.import", f"model:{model.name}", after=what)
    numbers = {}
    for each in versions:
        version = _version(model, each, places[each.version])
        session.add(version)
        session.flush()
        _tag(session, VersionTag, "version", version.id, each.tags)
        numbers[each.version] = version.id
    for alias, number in old.aliases.items():
        if number in numbers:
            session.add(Alias(model=model.id, alias=alias, version=numbers[number]))


def _version(model: RegisteredModel, old: OldVersion, place: str) -> ModelVersion:
    portable = old.source.startswith(_PORTABLE)
    return ModelVersion(
        registered=model,
        version=old.version,
        stage=old.stage,
        status=old.status,
        status_message=old.status_message,
        lifecycle_stage=LifecycleStage.ACTIVE,
        source=check_text(old.source if portable or not place else place, "source"),
        storage_location=place,
        run_id=old.run_id,
        run_link=old.run_link,
        model_id=old.model_id,
        description=check_text(old.description, "description of a model version"),
        user_id=old.user_id,
        creation_time=old.creation_time,
        last_update_time=old.last_update_time,
    )


def _tag(
    session: Session,
    table: type[ModelTag | VersionTag],
    column: str,
    number: int,
    tags: Mapping[str, str],
) -> None:
    found = [
        {column: number, "key": check_text(key, "tag"), "value": check_text(value, f"tag {key}")}
        for key, value in tags.items()
    ]
    if found:
        session.execute(insert(table), found)


def _place(arriving: Arriving, model: OldModel, version: OldVersion) -> str:
    """Where the version's files are here: within its run, or copied; "" if it has none."""
    if not version.location:
        return ""
    if version.model_id:
        with arriving.db.reading() as session:
            wanted = select(LoggedModel.artifact_uri).where(
                LoggedModel.model_id == version.model_id
            )
            if (logged := session.scalar(wanted)) is not None:
                inside = version.location.partition(f"/{version.model_id}/artifacts")[2]
                return f"{logged}/{inside.strip('/')}".rstrip("/")
    run = arriving.source.run(version.run_id) if version.run_id else None
    if run is not None:
        with arriving.db.reading() as session:
            here = session.scalar(select(Run.artifact_uri).where(Run.run_id == run.run_id))
        below = _below(version.location, run.artifact_uri)
        if here is not None and below is not None:
            return f"{here}/{below}".rstrip("/")
    # Registered from somewhere else: its files come along.
    whose = f"version {version.version} of {model.name}"
    root = ArtifactPath(f"models/{_folder(arriving.named(model))}/{version.version}")
    if copy_files(arriving, version.location, root, whose, again=True):
        return f"mlflow-artifacts:/{root}"
    return ""


def _below(place: str, root: str) -> str | None:
    """The path from a run's folder to a place in it."""
    rest = place.removeprefix(root.rstrip("/"))
    return rest.strip("/") if root and rest != place and rest[:1] in ("", "/") else None


def _folder(name: str) -> str:
    """A model's name as one segment of a path; what cannot be in one becomes "_"."""
    return "".join(each if each.isalnum() or each in "-_. " else "_" for each in name).strip(". ")


def _compare(arriving: Arriving, old: OldModel, versions: Sequence[OldVersion]) -> None:
    with arriving.db.reading() as session:
        here = arriving.model_here(session, old)
        counted = select(func.count()).select_from(ModelVersion)
        found = session.scalars(counted.where(ModelVersion.model == here.id)).one() if here else 0
    if found != len(versions):
        raise PodiumError(
            f"Model {shown(old.name)} has {len(versions)} versions at {arriving.source.name} and "
            f"{found} here. Import again, into an empty installation."
        )
