"""The tables that all others refer to: experiments, runs, and what is said of both.

A run has two names: ``run_id``, the 32 hex digits that clients see, and ``id``, a small integer
that every table below it carries, since a billion-row index is paid for by the byte.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from .auth.roles import EXPERIMENT, Guarded

# SQLite only numbers rows itself where the key is declared INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class Base(DeclarativeBase):
    pass


def by_deletion(table: str) -> Index:
    """For what is looked through again and again, and mostly is not deleted."""
    return Index(
        f"{table}_by_deletion",
        "deleted",
        sqlite_where=text("deleted IS NOT NULL"),
        postgresql_where=text("deleted IS NOT NULL"),
    )


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
    duration: Mapped[int | None] = column_property(end_time - start_time, deferred=True)
    lifecycle_stage: Mapped[str] = mapped_column(String(8), default="active")
    artifact_uri: Mapped[str] = mapped_column(Text)
    heartbeat: Mapped[int | None] = mapped_column(BigInteger)
    alive_until: Mapped[int | None] = mapped_column(BigInteger)
    crashed: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    deleted: Mapped[int | None] = mapped_column(BigInteger)

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
        by_deletion("runs"),
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
