"""Finding models and versions, and what is told of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from podium.client import entities
from podium.client.entities import LifecycleStage, VersionStatus
from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_model_name, shown
from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, contains_eager

from .models import Alias, ModelTag, ModelVersion, RegisteredModel, VersionTag

# Fewer than the parameters either database takes in one statement.
_CHUNK = 5000


def models() -> Select[RegisteredModel]:
    """Every model; each listing starts from it."""
    return select(RegisteredModel)


def versions() -> Select[ModelVersion]:
    """Every version that is not deleted, with its model's name; each listing starts from it."""
    return (
        select(ModelVersion)
        .join(ModelVersion.registered)
        .options(contains_eager(ModelVersion.registered))
        .where(ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE)
    )


def find_model(session: Session, name: str, *, change: bool = False) -> RegisteredModel:
    """The model, locked until the transaction ends if it or a version of it is to be changed."""
    statement = models().where(RegisteredModel.name == check_model_name(name))
    if change:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise NotFound(f"Registered Model with name={name} not found")
    return found


def find_version(
    session: Session, name: str, version: str | int, *, change: bool = False
) -> ModelVersion:
    """The version; for a ``change`` its model is locked first, and with it all versions."""
    number = parse_version(version)
    # What waited for the lock must not see what was before it: the lock is a statement of its own.
    if change:
        find_model(session, name, change=True)
    found = session.scalar(
        versions()
        .where(RegisteredModel.name == check_model_name(name), ModelVersion.version == number)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(f"Model Version (name={name}, version={version}) not found")
    return found


def parse_version(version: str | int, field: str = "version") -> int:
    """Versions are decimal strings on the wire and integers in the database."""
    text = str(version)
    if not re.fullmatch(r"-?[0-9]{1,50}", text):
        raise BadRequest(f"Parameter '{field}' must be an integer, got {shown(version)}.")
    # What is greater than any number that was given is found nowhere, as is any other.
    return min(max(int(text), 0), 2**31 - 1)


def subject(name: str, version: int | None = None) -> str:
    """What the audit log calls a model or a version of it."""
    return f"model:{name}" if version is None else f"model:{name}/{version}"


def latest(session: Session, models: Iterable[int]) -> dict[int, list[ModelVersion]]:
    """Of each model, by its row's id, the highest version of every stage that has one."""
    rank = (
        func.row_number()
        .over(
            partition_by=(ModelVersion.model, ModelVersion.stage),
            order_by=ModelVersion.version.desc(),
        )
        .label("rank")
    )
    found: dict[int, list[ModelVersion]] = defaultdict(list)
    for chunk in _chunks(models):
        ranked = (
            select(ModelVersion.id, rank)
            .where(
                ModelVersion.model.in_(chunk),
                ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE,
            )
            .subquery()
        )
        highest = select(ranked.c.id).where(ranked.c.rank == 1)
        for row in session.scalars(
            versions().where(ModelVersion.id.in_(highest)).order_by(ModelVersion.version)
        ):
            found[row.model].append(row)
    return found


def model_entities(
    session: Session, rows: Sequence[RegisteredModel]
) -> list[entities.RegisteredModel]:
    """The models with their tags, aliases and latest versions: five queries, however many."""
    ids = [row.id for row in rows]
    tags = _tags(session, ModelTag.model, ModelTag.key, ModelTag.value, ids)
    aliases: dict[int, dict[str, int]] = defaultdict(dict)
    for chunk in _chunks(ids):
        for model, alias, version in session.execute(
            select(Alias.model, Alias.alias, ModelVersion.version)
            .join(ModelVersion, ModelVersion.id == Alias.version)
            .where(Alias.model.in_(chunk))
            .order_by(Alias.alias)
        ):
            aliases[model][alias] = version
    newest = latest(session, ids)
    told = version_entities(session, [each for row in rows for each in newest.get(row.id, ())])
    of_model: dict[str, list[entities.ModelVersion]] = defaultdict(list)
    for each in told:
        of_model[each.name].append(each)
    return [
        entities.RegisteredModel(
            name=row.name,
            creation_time=row.creation_time,
            last_update_time=row.last_update_time,
            description=row.description,
            user_id=row.user_id,
            latest_versions=tuple(of_model[row.name]),
            aliases=aliases[row.id],
            tags=tags[row.id],
        )
        for row in rows
    ]


def version_entities(session: Session, rows: Sequence[ModelVersion]) -> list[entities.ModelVersion]:
    """The versions with their tags and aliases: two queries, however many."""
    ids = [row.id for row in rows]
    tags = _tags(session, VersionTag.version, VersionTag.key, VersionTag.value, ids)
    aliases: dict[int, list[str]] = defaultdict(list)
    for chunk in _chunks(ids):
        for version, alias in session.execute(
            select(Alias.version, Alias.alias).where(Alias.version.in_(chunk)).order_by(Alias.alias)
        ):
            aliases[version].append(alias)
    return [_entity(row, tags[row.id], aliases[row.id]) for row in rows]


def _entity(
    row: ModelVersion, tags: Mapping[str, str], aliases: Sequence[str]
) -> entities.ModelVersion:
    return entities.ModelVersion(
        name=row.registered.name,
        version=row.version,
        stage=row.stage,
        status=VersionStatus(row.status),
        source=row.source,
        storage_location=row.storage_location,
        creation_time=row.creation_time,
        last_update_time=row.last_update_time,
        run_id=row.run_id,
        model_id=row.model_id,
        description=row.description,
        user_id=row.user_id,
        run_link=row.run_link,
        status_message=row.status_message,
        digest=row.digest,
        aliases=tuple(aliases),
        tags=tags,
    )


def _tags(
    session: Session,
    owner: InstrumentedAttribute[int],
    key: InstrumentedAttribute[str],
    value: InstrumentedAttribute[str],
    ids: Sequence[int],
) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for chunk in _chunks(ids):
        for row, name, text in session.execute(
            select(owner, key, value).where(owner.in_(chunk)).order_by(owner, key)
        ):
            found[row][name] = text
    return found


def _chunks(ids: Iterable[int]) -> Iterator[list[int]]:
    every = list(ids)
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]
