"""Model versions: registering, finding, describing, tagging and deleting them.

Numbers count from 1 within a model and are never given twice: one that was deleted stays a row,
which says nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from podium.client import entities
from podium.client.entities import LifecycleStage, Page, VersionStatus
from podium.client.errors import Conflict
from podium.client.rules import MAX_DESCRIPTION, check_key, check_text
from podium.tracker import audit
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.paging import check_size
from podium.tracker.search import search_page
from sqlalchemy import delete

from . import events, promotion, prompts
from .events import Event
from .logged_models import tell_version
from .models import Alias, ModelVersion, RegisteredModel, VersionTag
from .outbox import emit
from .promotion import Outside
from .promotion.hooks import Decided, call_hooks
from .promotion.stage_sets import known_stage, stages_of
from .promotion.waking import wake_model
from .read import find_model, find_version, latest, subject, version_entities, versions
from .search import MODEL_VERSIONS
from .sources import MAX_SOURCE, keep, prompt_source, resolve
from .tags import checked, there, told, write

MAX_PAGE = 200_000


def create_version(
    db: Database,
    *,
    name: str,
    source: str,
    run_id: str | None = None,
    model_id: str | None = None,
    run_link: str = "",
    description: str = "",
    tags: Iterable[tuple[str, str]] = (),
    user_id: str = "",
) -> entities.ModelVersion:
    """Register what ``source`` leads to as the next version; see :mod:`.sources` for the rules."""
    wanted = checked(tags)
    check_text(description, "description", limit=MAX_DESCRIPTION)
    check_text(run_link, "run_link", limit=MAX_SOURCE)
    with db.reading() as session:
        find_model(session, name)
        if prompts.is_prompt(wanted):
            found = prompt_source(source)
        else:
            found = resolve(session, source, run_id=run_id, model_id=model_id)
    now = now_ms()
    with db.writing() as session:
        model = find_model(session, name, change=True)
        keep(session, found)
        model.last_version += 1
        model.last_update_time = now
        made = ModelVersion(
            registered=model,
            version=model.last_version,
            stage=stages_of(session, name).first,
            status=VersionStatus.READY,
            lifecycle_stage=LifecycleStage.ACTIVE,
            source=found.uri,
            storage_location=found.storage_location,
            run_id=found.run_id,
            run_link=run_link,
            model_id=found.model_id,
            description=description,
            user_id=user_id,
            creation_time=now,
            last_update_time=now,
        )
        session.add(made)
        session.flush()
        write(session, VersionTag, made.id, wanted)
        if made.model_id is not None:
            tell_version(session, made.model_id, name, made.version)
        audit.record(
            session,
            "version.create",
            subject(name, made.version),
            after={
                "source": made.source,
                "run": made.run_id,
                "tags": {key: told(each) for key, each in wanted.items()},
            },
        )
        emit(session, _created(made, wanted))
        return version_entities(session, [made])[0]


def get_version(db: Database, name: str, version: str | int) -> entities.ModelVersion:
    with db.reading() as session:
        return version_entities(session, [find_version(session, name, version)])[0]


def download_uri(db: Database, name: str, version: str | int) -> str:
    """Where its files are; what was written as the source where there are none."""
    with db.reading() as session:
        found = find_version(session, name, version)
        return found.storage_location or found.source


def latest_versions(
    db: Database, name: str, stages: Sequence[str] = ()
) -> list[entities.ModelVersion]:
    """The highest version of each of these stages that has one; without ``stages``, of all."""
    with db.reading() as session:
        model = find_model(session, name)
        known = stages_of(session, name)
        wanted = {known.named(each).name for each in stages} or set(known.table)
        rows = [row for row in latest(session, [model.id])[model.id] if row.stage in wanted]
        return version_entities(session, rows)


def update_version(
    db: Database, name: str, version: str | int, *, description: str
) -> entities.ModelVersion:
    check_text(description, "description", limit=MAX_DESCRIPTION)
    with db.writing() as session:
        found = find_version(session, name, version, change=True)
        audit.record(
            session,
            "version.describe",
            subject(name, found.version),
            before={"description": told(found.description)},
            after={"description": told(description)},
        )
        found.description = description
        found.last_update_time = now_ms()
        session.flush()
        return version_entities(session, [found])[0]


def delete_version(db: Database, name: str, version: str | int) -> None:
    """Soft: the number stays taken. Its aliases and tags go, and all it said of its source."""
    with db.writing() as session:
        found = find_version(session, name, version, change=True)
        audit.record(
            session,
            "version.delete",
            subject(name, found.version),
            before={"stage": found.stage, "digest": found.digest},
        )
        left = promotion.forget_version(session, found)
        found.lifecycle_stage = LifecycleStage.DELETED
        found.source = "REDACTED-SOURCE-PATH"
        found.storage_location = found.run_link = found.description = ""
        found.user_id = found.status_message = ""
        found.run_id = found.model_id = found.digest = None
        found.last_update_time = found.registered.last_update_time = now_ms()
        session.execute(delete(Alias).where(Alias.version == found.id))
        session.execute(delete(VersionTag).where(VersionTag.version == found.id))
        call_hooks(session, Decided(name, left.before, None, (left,)))
        emit(session, events.model_version_deleted(name=name, version=found.version))


def transition_version(
    db: Database,
    name: str,
    version: str | int,
    *,
    stage: str,
    archive_existing: bool = False,
    outside: Outside = Outside(),  # noqa: B008  (immutable)
) -> entities.ModelVersion:
    """As MLflow's clients ask for it, who know no requests: :class:`Conflict` when one has to wait.

    It waits all the same, and asking again is no second one.
    """
    found = promotion.promote(
        db, name=name, version=version, stage=stage, archive=archive_existing, outside=outside
    )
    if found.waiting:
        raise Conflict(
            f"Version {found.version} of {found.name} is not in {found.stage} yet: request "
            f"{found.id} waits. {' '.join(found.waits_for)}"
        )
    return get_version(db, name, version)


def search_versions(
    db: Database,
    *,
    name: str | None = None,
    stage: str | None = None,
    filter: str = "",  # noqa: A002  (its name in the API)
    order_by: Sequence[str] = (),
    max_results: int = 10_000,
    page_token: str | None = None,
) -> Page[entities.ModelVersion]:
    """One page: of the model ``name`` and of ``stage``, or of all.

    Prompts are in it only where their name is given or the filter asks for them.
    """
    check_size(max_results, MAX_PAGE)
    statement = versions()
    if name is not None:
        statement = statement.where(RegisteredModel.name == name)
    with db.reading() as session:
        if stage is not None:
            statement = statement.where(ModelVersion.stage == known_stage(session, stage))
        rows, token = search_page(
            session,
            MODEL_VERSIONS,
            statement,
            filter=prompts.parse_filter(filter) if name is None else filter,
            order_by=order_by,
            max_results=max_results,
            page_token=page_token,
            scope=(name, stage),
        )
        return Page(tuple(version_entities(session, rows)), token)


def set_version_tag(db: Database, name: str, version: str | int, key: str, value: str) -> None:
    wanted = checked([(key, value)])
    with db.writing() as session:
        found = find_version(session, name, version, change=True)
        before = there(session, VersionTag, found.id, key)
        write(session, VersionTag, found.id, wanted)
        wake_model(session, found.model)
        audit.record(
            session,
            "version.set-tag",
            subject(name, found.version),
            before=before,
            after={key: told(value)},
        )
        event = events.model_version_tag_set(
            name=name,
            version=found.version,
            key=key,
            value=value,
            prompt=prompts.is_prompt_model(session, found.model),
        )
        emit(session, event)


def delete_version_tag(db: Database, name: str, version: str | int, key: str) -> None:
    """A tag that is not there is as good as deleted, as in MLflow."""
    check_key(key, "key", kind="tag")
    with db.writing() as session:
        found = find_version(session, name, version, change=True)
        tag = session.get(VersionTag, (found.id, key))
        if tag is not None:
            session.delete(tag)
            wake_model(session, found.model)
            audit.record(
                session,
                "version.delete-tag",
                subject(name, found.version),
                before={key: told(tag.value)},
            )
            event = events.model_version_tag_deleted(
                name=name,
                version=found.version,
                key=key,
                prompt=prompts.is_prompt_model(session, found.model),
            )
            emit(session, event)


def _created(made: ModelVersion, tags: Mapping[str, str]) -> Event:
    return events.model_version_created(
        name=made.registered.name,
        version=made.version,
        source=made.source,
        run_id=made.run_id,
        description=made.description,
        tags=tags,
        prompt=prompts.is_prompt(tags),
    )
