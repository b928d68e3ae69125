"""The tables of logged models, of what is said and measured of them, and of which run has which.

As in the summaries of a run's metrics, a value that is NULL means NaN.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..models import Base, RowId, by_deletion


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
    deleted: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("lifecycle_stage IN ('active', 'deleted')", name="logged_models_lifecycle"),
        CheckConstraint("status IN ('PENDING', 'READY', 'FAILED')", name="logged_models_status"),
        Index("logged_models_by_creation", "experiment_id", "creation_time", "model_id"),
        Index("logged_models_by_run", "source_run_id"),
        by_deletion("logged_models"),
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
