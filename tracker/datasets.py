"""Data sets: which data the runs of an experiment have read.

Within an experiment a name and a digest are one data set, whatever else is said of it later; that a
run has read it is told once, and the tags of the first time stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from podium.client import entities
from podium.client.entities import DATASET_CONTEXT_TAG, DatasetSummary
from podium.client.errors import BadRequest
from podium.client.rules import check_text
from sqlalchemy import (
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    and_,
    select,
    tuple_,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from .db import Database, insert
from .experiments import parse_experiment_id
from .models import Base, RowId, Run

MAX_NAME, MAX_DIGEST = 500, 36
MAX_SOURCE, MAX_SCHEMA, MAX_PROFILE = 65_535, 1_048_575, 16_777_215
MAX_TAG_KEY, MAX_TAG_VALUE = 255, 500
MAX_INPUTS = 1000
MAX_EXPERIMENTS, MAX_SUMMARIES = 20, 1000

_Name = tuple[str, str]  # with the digest


class Dataset(Base):
    """Data that runs of an experiment have read; what is the same has the same name and digest."""

    __tablename__ = "datasets"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(500))
    digest: Mapped[str] = mapped_column(String(36))
    source_type: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    schema: Mapped[str | None] = mapped_column(Text)
    profile: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("experiment_id", "name", "digest", name="datasets_once"),)


class DatasetInput(Base):
    """That a run has read a data set; by ``id`` in the order it was told."""

    __tablename__ = "dataset_inputs"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    dataset: Mapped[int] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))

    __table_args__ = (
        UniqueConstraint("run", "dataset", name="dataset_inputs_once"),
        Index("dataset_inputs_by_dataset", "dataset", "run"),
    )


class DatasetInputTag(Base):
    """What a run says of a data set it has read, as that it was for training."""

    __tablename__ = "dataset_input_tags"

    input: Mapped[int] = mapped_column(
        ForeignKey("dataset_inputs.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


def search_datasets(db: Database, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
    """The data sets that runs of these experiments have read, by name; at most 1,000."""
    if not 1 <= len(experiment_ids) <= MAX_EXPERIMENTS:
        raise BadRequest(
            "Invalid value for parameter 'experiment_ids' supplied: it must hold 1 to "
            f"{MAX_EXPERIMENTS} experiment ids, not {len(experiment_ids)}."
        )
    ids = {parse_experiment_id(each, "experiment_ids") for each in experiment_ids}
    tag = and_(DatasetInputTag.input == DatasetInput.id, DatasetInputTag.key == DATASET_CONTEXT_TAG)
    columns = (Dataset.experiment_id, Dataset.name, Dataset.digest, DatasetInputTag.value)
    with db.reading() as session:
        rows = session.execute(
            select(*columns)
            .distinct()
            .join(DatasetInput, DatasetInput.dataset == Dataset.id)
            .outerjoin(DatasetInputTag, tag)
            .where(Dataset.experiment_id.in_(ids))
            .order_by(*columns)
            .limit(MAX_SUMMARIES)
        )
        return [DatasetSummary(str(row[0]), *row[1:]) for row in rows]


def check_inputs(inputs: Sequence[entities.DatasetInput]) -> None:
    """Raises :class:`BadRequest` that names what is too long or cannot be stored."""
    if len(inputs) > MAX_INPUTS:
        raise BadRequest(
            f"One request can hold at most {MAX_INPUTS} datasets. Got {len(inputs)}: split them up."
        )
    for index, each in enumerate(inputs):
        at, dataset = f"datasets[{index}]", each.dataset
        for field, value, limit in (
            ("name", dataset.name, MAX_NAME),
            ("digest", dataset.digest, MAX_DIGEST),
            ("source_type", dataset.source_type, MAX_SOURCE),
            ("source", dataset.source, MAX_SOURCE),
            ("schema", dataset.schema or "", MAX_SCHEMA),
            ("profile", dataset.profile or "", MAX_PROFILE),
        ):
            check_text(value, f"{at}.dataset.{field}", limit=limit)
        for number, (key, value) in enumerate(each.tags.items()):
            check_text(key, f"{at}.tags[{number}].key", limit=MAX_TAG_KEY)
            check_text(value, f"{at}.tags[{number}].value", limit=MAX_TAG_VALUE)


def attach(session: Session, run: Run, inputs: Sequence[entities.DatasetInput]) -> None:
    """The run has read these; part of a wider transaction. What it has read already stays."""
    first: dict[_Name, entities.DatasetInput] = {}
    for each in inputs:
        first.setdefault((each.dataset.name, each.dataset.digest), each)
    if not first:
        return
    datasets = _insert_datasets(session, run, first)
    new = (
        insert(session, DatasetInput)
        .on_conflict_do_nothing()
        .returning(DatasetInput.dataset, DatasetInput.id)
    )
    rows = [{"run": run.id, "dataset": datasets[name]} for name in first]
    made = {row.dataset: row.id for row in session.execute(new, rows)}
    tags = [
        {"input": made[datasets[name]], "key": key, "value": value}
        for name, each in first.items()
        if datasets[name] in made
        for key, value in each.tags.items()
    ]
    if tags:
        session.execute(insert(session, DatasetInputTag), tags)


def inputs_of(session: Session, runs: Sequence[int]) -> dict[int, list[entities.DatasetInput]]:
    """What each of these runs has read, in the order it was told: two queries at most."""
    rows = session.execute(
        select(
            DatasetInput.run,
            DatasetInput.id,
            DatasetInput.dataset,
            DatasetInputTag.key,
            DatasetInputTag.value,
        )
        .outerjoin(DatasetInputTag, DatasetInputTag.input == DatasetInput.id)
        .where(DatasetInput.run.in_(runs))
        .order_by(DatasetInput.run, DatasetInput.id, DatasetInputTag.key)
    ).all()
    if not rows:
        return {}
    wanted = {row.dataset for row in rows}
    datasets = {
        each.id: _entity(each)
        for each in session.scalars(select(Dataset).where(Dataset.id.in_(wanted)))
    }
    found: dict[int, list[entities.DatasetInput]] = {}
    for (run, _, dataset), tags in groupby(rows, key=lambda row: tuple(row[:3])):
        pairs = {tag.key: tag.value for tag in tags if tag.key is not None}
        found.setdefault(run, []).append(entities.DatasetInput(datasets[dataset], pairs))
    return found


def _insert_datasets(
    session: Session, run: Run, wanted: Mapping[_Name, entities.DatasetInput]
) -> dict[_Name, int]:
    rows = [
        {
            "experiment_id": run.experiment_id,
            "name": each.dataset.name,
            "digest": each.dataset.digest,
            "source_type": each.dataset.source_type,
            "source": each.dataset.source,
            "schema": each.dataset.schema,
            "profile": each.dataset.profile,
        }
        for _, each in sorted(wanted.items(), key=lambda item: item[0])
    ]
    session.execute(insert(session, Dataset).on_conflict_do_nothing(), rows)
    found = session.execute(
        select(Dataset.name, Dataset.digest, Dataset.id).where(
            Dataset.experiment_id == run.experiment_id,
            tuple_(Dataset.name, Dataset.digest).in_(list(wanted)),
        )
    )
    return {(name, digest): number for name, digest, number in found}


def _entity(row: Dataset) -> entities.Dataset:
    return entities.Dataset(
        name=row.name,
        digest=row.digest,
        source_type=row.source_type,
        source=row.source,
        schema=row.schema,
        profile=row.profile,
    )
