"""The tracker's tables.

A run has two names: ``run_id``, the 32 hex digits that clients see, and ``id``, a small integer
that every table below it carries, since a billion-row index is paid for by the byte.

A NULL in a metric summary's value columns means NaN: SQLite has no NaN, PostgreSQL sorts it above
infinity, and neither belongs in a comparison. ±Infinity is stored as itself.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from .auth.roles import EXPERIMENT, Guarded

# SQLite only numbers rows itself where the key is declared INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    pass


class Experiment(Guarded, Base):
    kind = EXPERIMENT

    __tablename__ = "experiments"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(500), unique=True)
    artifact_location: Mapped[str] = mapped_column(Text)
    lifecycle_stage: Mapped[str] = mapped_column(String(8), default="active")
    creation_time: Mapped[int] = mapped_column(BigInteger)
    last_update_time: Mapped[int] = mapped_column(BigInteger)
    tags: Mapped[list[ExperimentTag]] = relationship(lazy="selectin", cascade="all, delete-orphan")

    __table_args__ = (
        CheckConstraint("lifecycle_stage IN ('active', 'deleted')", name="experiments_lifecycle"),
    )


class ExperimentTag(Base):
    __tablename__ = "experiment_tags"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Run(Base):
    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(32), unique=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id"))
    name: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(16))
    start_time: Mapped[int] = mapped_column(BigInteger)
    end_time: Mapped[int | None] = mapped_column(BigInteger)
    lifecycle_stage: Mapped[str] = mapped_column(String(8), default="active")
    artifact_uri: Mapped[str] = mapped_column(Text)
    heartbeat: Mapped[int | None] = mapped_column(BigInteger)
    alive_until: Mapped[int | None] = mapped_column(BigInteger)
    crashed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    params: Mapped[list[Param]] = relationship(lazy="raise", cascade="all, delete-orphan")
    tags: Mapped[list[Tag]] = relationship(lazy="raise", cascade="all, delete-orphan")
    metrics: Mapped[list[MetricSummary]] = relationship(lazy="raise", cascade="all, delete-orphan")

    __table_args__ = (
        CheckConstraint("lifecycle_stage IN ('active', 'deleted')", name="runs_lifecycle"),
        CheckConstraint(
            "status IN ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')", name="runs_status"
        ),
        Index("runs_by_start", "experiment_id", "start_time", "run_id"),
        Index(
            "runs_by_alive_until",
            "alive_until",
            sqlite_where=text("alive_until IS NOT NULL"),
            postgresql_where=text("alive_until IS NOT NULL"),
        ),
    )


class Param(Base):
    __tablename__ = "params"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Tag(Base):
    __tablename__ = "tags"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class MetricSummary(Base):
    """One row a run and key: what tables, searches and sorting read instead of the points.

    ``last_*`` is the greatest (step, timestamp, value), NaN counting as 0, as MLflow orders them.
    ``first_value`` belongs to the smallest (step, timestamp). ``points`` counts points received.
    """

    __tablename__ = "metric_summaries"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(250), primary_key=True)
    last_value: Mapped[float | None] = mapped_column(Double)
    last_step: Mapped[int] = mapped_column(BigInteger)
    last_timestamp: Mapped[int] = mapped_column(BigInteger)
    first_value: Mapped[float | None] = mapped_column(Double)
    first_step: Mapped[int] = mapped_column(BigInteger)
    first_timestamp: Mapped[int] = mapped_column(BigInteger)
    min_value: Mapped[float | None] = mapped_column(Double)
    max_value: Mapped[float | None] = mapped_column(Double)
    points: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("metric_summaries_by_value", "key", "last_value", "run"),)


class MetricBatch(Base):
    """Points as they came: the body of one batch in the format of ``podium.client.wire``.

    ``writer`` and ``sequence`` name a batch sent by our own client, so that a resend is not stored
    twice; points that came through MLflow's paths have neither.
    """

    __tablename__ = "metric_batches"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    writer: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(Integer)
    data: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        UniqueConstraint("run", "writer", "sequence", name="metric_batches_once"),
        Index("metric_batches_by_run", "run", "id"),
        {"sqlite_autoincrement": True},  # compaction names rows by it: no id may come again
    )


class MetricBlock(Base):
    """Points of one series, in the format of ``tracker.metrics.blocks``; by id in their order."""

    __tablename__ = "metric_blocks"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(250))
    points: Mapped[int] = mapped_column(Integer)
    min_step: Mapped[int] = mapped_column(BigInteger)
    max_step: Mapped[int] = mapped_column(BigInteger)
    min_timestamp: Mapped[int] = mapped_column(BigInteger)
    max_timestamp: Mapped[int] = mapped_column(BigInteger)
    data: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("metric_blocks_by_series", "run", "key", "id"),
        {"sqlite_autoincrement": True},
    )


class MetricWriter(Base):
    """Numbers, ``first`` to ``last``, of batches whose points are in blocks: to know a resend."""

    __tablename__ = "metric_writers"

    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    writer: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)


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


class LoggedModel(Base):
    """A model that was logged. As with runs, ``model_id`` is for clients and ``id`` for tables.

    ``source_run_id`` is what the client said, and no reference: MLflow checks it as little.
    """

    __tablename__ = "logged_models"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    model_id: Mapped[str] = mapped_column(String(36), unique=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id"))
    name: Mapped[str] = mapped_column(String(500))
    status: Mapped[str] = mapped_column(String(8))
    model_type: Mapped[str | None] = mapped_column(String(500))
    source_run_id: Mapped[str | None] = mapped_column(String(32))
    artifact_uri: Mapped[str] = mapped_column(Text)
    creation_time: Mapped[int] = mapped_column(BigInteger)
    last_update_time: Mapped[int] = mapped_column(BigInteger)
    lifecycle_stage: Mapped[str] = mapped_column(String(8), default="active")

    __table_args__ = (
        CheckConstraint("lifecycle_stage IN ('active', 'deleted')", name="logged_models_lifecycle"),
        CheckConstraint("status IN ('PENDING', 'READY', 'FAILED')", name="logged_models_status"),
        Index("logged_models_by_creation", "experiment_id", "creation_time", "model_id"),
        Index("logged_models_by_run", "source_run_id"),
    )


class LoggedModelParam(Base):
    __tablename__ = "logged_model_params"

    model: Mapped[int] = mapped_column(
        ForeignKey("logged_models.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class LoggedModelTag(Base):
    __tablename__ = "logged_model_tags"

    model: Mapped[int] = mapped_column(
        ForeignKey("logged_models.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class LoggedModelMetric(Base):
    """A point of a run's metric that was measured of a model, perhaps on a data set.

    The run has the point too, among all of its own. "" is no data set, for NULLs are never equal.
    """

    __tablename__ = "logged_model_metrics"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    model: Mapped[int] = mapped_column(ForeignKey("logged_models.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(250))
    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    dataset_name: Mapped[str] = mapped_column(String(500), default="")
    dataset_digest: Mapped[str] = mapped_column(String(36), default="")
    step: Mapped[int] = mapped_column(BigInteger)
    timestamp: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[float | None] = mapped_column(Double)

    __table_args__ = (
        UniqueConstraint(
            "model",
            "key",
            "run",
            "dataset_name",
            "dataset_digest",
            "step",
            "timestamp",
            name="logged_model_metrics_once",
        ),
        Index("logged_model_metrics_by_run", "run"),
    )


class RunModel(Base):
    """That a run has read or made a model; by ``id`` in the order it was told."""

    __tablename__ = "run_models"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    direction: Mapped[str] = mapped_column(String(6))
    model: Mapped[int] = mapped_column(ForeignKey("logged_models.id", ondelete="CASCADE"))
    step: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("direction IN ('input', 'output')", name="run_models_direction"),
        UniqueConstraint("run", "direction", "model", "step", name="run_models_once"),
        Index("run_models_by_model", "model"),
    )
