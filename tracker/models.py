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

# SQLite only numbers rows itself where the key is declared INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    pass


class Experiment(Base):
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
