"""Finding logged models, and what is told of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from podium.client import entities
from podium.client.entities import LifecycleStage, ModelMetric, ModelStatus, Page
from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_key, check_text
from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from ..db import Database
from ..experiments import MAX_PAGE, parse_experiment_id
from ..models import Run
from ..paging import check_size
from ..search import Entity, Key, Order, search_page
from .search import LOGGED_MODELS
from .tables import LoggedModel, LoggedModelMetric, LoggedModelParam, LoggedModelTag

MAX_DATASETS = 100

_METRICS = LOGGED_MODELS.key_tables["metric"]


@dataclass(frozen=True, slots=True)
class OnDataset:
    """Points measured on a data set of this name, of any digest where that is empty."""

    name: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """An attribute or ``metrics.<key>``; of a metric the points on ``dataset`` only, if given."""

    field_name: str
    ascending: bool = True
    dataset: OnDataset | None = None


def get_model(db: Database, model_id: str, *, deleted: bool = False) -> entities.LoggedModel:
    with db.reading() as session:
        return snapshots(session, [find_model(session, model_id, deleted=deleted)])[0]


def search_models(
    db: Database,
    *,
    experiment_ids: Sequence[str],
    filter: str = "",  # noqa: A002  (its name in the API)
    datasets: Sequence[OnDataset] = (),
    order_by: Sequence[OrderTerm] = (),
    max_results: int = 100,
    page_token: str | None = None,
) -> Page[entities.LoggedModel]:
    """One page of the active models of these experiments; unknown experiment ids are ignored.

    With ``datasets``, models that were measured on one of them, and what ``filter`` says of metrics
    is said of points measured on one of them.
    """
    check_size(max_results, MAX_PAGE)
    if len(datasets) > MAX_DATASETS:
        raise BadRequest(f"'datasets' has {len(datasets)} entries, the limit is {MAX_DATASETS}.")
    experiments = sorted({parse_experiment_id(each, "experiment_ids") for each in experiment_ids})
    statement = select(LoggedModel).where(
        LoggedModel.experiment_id.in_(experiments),
        LoggedModel.lifecycle_stage == LifecycleStage.ACTIVE,
    )
    entity = LOGGED_MODELS
    if datasets:
        measured = or_(*map(_measured_on, datasets))
        entity = _with_metrics(entity, "metric", (measured,))
        statement = statement.where(
            exists().where(LoggedModelMetric.model == LoggedModel.id, measured)
        )
    terms = []
    for index, term in enumerate(order_by):
        entity, ordered = _ordered(entity, term, f"metric {index}")
        terms.append(ordered)
    with db.reading() as session:
        rows, token = search_page(
            session,
            entity,
            statement,
            filter=filter,
            order_by=terms,
            max_results=max_results,
            page_token=page_token,
            scope=(*experiments, *datasets, *order_by),
        )
        return Page(tuple(snapshots(session, rows)), token)


def find_model(session: Session, model_id: str, *, deleted: bool = False) -> LoggedModel:
    """A deleted model is found with ``deleted`` only."""
    check_text(model_id, "model_id")
    model = session.scalar(select(LoggedModel).where(LoggedModel.model_id == model_id))
    if model is None or (not deleted and model.lifecycle_stage == LifecycleStage.DELETED):
        raise _missing(model_id)
    return model


def find_models(session: Session, model_ids: Iterable[str]) -> dict[str, LoggedModel]:
    """All of these, deleted ones too; :class:`NotFound` names the first that there is not."""
    model_ids = [check_text(each, "model_id") for each in dict.fromkeys(model_ids)]
    rows = session.scalars(select(LoggedModel).where(LoggedModel.model_id.in_(model_ids)))
    found = {model.model_id: model for model in rows}
    for model_id in model_ids:
        if model_id not in found:
            raise _missing(model_id)
    return found


def snapshots(session: Session, models: Sequence[LoggedModel]) -> list[entities.LoggedModel]:
    """The models with their params, tags and points: three queries, however many models."""
    names = {model.id: model.model_id for model in models}
    params: dict[int, dict[str, str]] = {each: {} for each in names}
    tags: dict[int, dict[str, str]] = {each: {} for each in names}
    points: dict[int, list[ModelMetric]] = {each: [] for each in names}
    ids = list(names)
    for chunk in (ids[start : start + 5000] for start in range(0, len(ids), 5000)):
        for table, found in ((LoggedModelParam, params), (LoggedModelTag, tags)):
            for model, key, value in session.execute(
                select(table.model, table.key, table.value)
                .where(table.model.in_(chunk))
                .order_by(table.model, table.key)
            ):
                found[model][key] = value
        for point, run_id in session.execute(
            select(LoggedModelMetric, Run.run_id)
            .join(Run, Run.id == LoggedModelMetric.run)
            .where(LoggedModelMetric.model.in_(chunk))
            .order_by(LoggedModelMetric.model, LoggedModelMetric.id)
        ):
            points[point.model].append(_point(point, names[point.model], run_id))
    return [_entity(each, params[each.id], tags[each.id], points[each.id]) for each in models]


def _missing(model_id: str) -> NotFound:
    return NotFound(f"Logged model with ID '{model_id}' not found.")


def _measured_on(dataset: OnDataset) -> ColumnElement[bool]:
    named = LoggedModelMetric.dataset_name == dataset.name
    if not dataset.digest:
        return named
    return and_(named, LoggedModelMetric.dataset_digest == dataset.digest)


def _with_metrics(entity: Entity, scope: str, only: tuple[ColumnElement[bool], ...]) -> Entity:
    tables = {**entity.key_tables, scope: replace(_METRICS, only=only)}
    return replace(entity, key_tables=tables)


def _ordered(entity: Entity, term: OrderTerm, scope: str) -> tuple[Entity, Order]:
    """The term in the search language, and the entity that knows it.

    Which points of a metric count is another question for each term and for the filter, so each
    asks a kind of metric of its own, at ``scope``.
    """
    kind, dot, name = term.field_name.strip().partition(".")
    if not dot:
        if term.dataset is not None:
            raise BadRequest(
                f"Invalid order by field name: {term.field_name[:80]}. Only of metrics.<name> "
                "'dataset_name' chooses the points."
            )
        return entity, Order(Key(None, kind), not term.ascending)
    if kind != "metrics":
        raise BadRequest(
            f"Invalid order by field name: {term.field_name[:80]}. Only metrics are supported."
        )
    if len(name) > 2 and name[0] == name[-1] and name[0] in "`\"'":
        name = name[1:-1]
    check_key(name, "order_by.field_name", kind="metric")
    only = () if term.dataset is None else (_measured_on(term.dataset),)
    return _with_metrics(entity, scope, only), Order(Key(scope, name), not term.ascending)


def _point(row: LoggedModelMetric, model_id: str, run_id: str) -> ModelMetric:
    return ModelMetric(
        key=row.key,
        value=math.nan if row.value is None else row.value,
        timestamp=row.timestamp,
        step=row.step,
        model_id=model_id,
        run_id=run_id,
        dataset_name=row.dataset_name,
        dataset_digest=row.dataset_digest,
    )


def _entity(
    row: LoggedModel,
    params: dict[str, str],
    tags: dict[str, str],
    metrics: Sequence[ModelMetric],
) -> entities.LoggedModel:
    return entities.LoggedModel(
        model_id=row.model_id,
        experiment_id=str(row.experiment_id),
        name=row.name,
        status=ModelStatus(row.status),
        artifact_uri=row.artifact_uri,
        creation_time=row.creation_time,
        last_update_time=row.last_update_time,
        lifecycle_stage=LifecycleStage(row.lifecycle_stage),
        model_type=row.model_type,
        source_run_id=row.source_run_id,
        params=params,
        tags=tags,
        metrics=tuple(metrics),
    )
