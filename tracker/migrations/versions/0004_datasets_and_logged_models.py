"""Data sets that runs have read, logged models, and which run made or read which of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_datasets()
    _create_logged_models()
    op.create_table(
        "run_models",
        _id(),
        _reference("run", "runs.id"),
        sa.Column("direction", sa.String(6), nullable=False),
        _reference("model", "logged_models.id"),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("direction IN ('input', 'output')", name="run_models_direction"),
        sa.UniqueConstraint("run", "direction", "model", "step", name="run_models_once"),
    )
    op.create_index("run_models_by_model", "run_models", ["model"])


def _create_datasets() -> None:
    op.create_table(
        "datasets",
        _id(),
        _reference("experiment_id", "experiments.id"),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("digest", sa.String(36), nullable=False),
        sa.Column("source_type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text()),
        sa.Column("profile", sa.Text()),
        sa.UniqueConstraint("experiment_id", "name", "digest", name="datasets_once"),
    )
    op.create_table(
        "dataset_inputs",
        _id(),
        _reference("run", "runs.id"),
        _reference("dataset", "datasets.id"),
        sa.UniqueConstraint("run", "dataset", name="dataset_inputs_once"),
    )
    op.create_index("dataset_inputs_by_dataset", "dataset_inputs", ["dataset", "run"])
    op.create_table(
        "dataset_input_tags",
        _reference("input", "dataset_inputs.id", primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )


def _create_logged_models() -> None:
    op.create_table(
        "logged_models",
        _id(),
        sa.Column("model_id", sa.String(36), nullable=False, unique=True),
        sa.Column("experiment_id", ROW_ID, sa.ForeignKey("experiments.id"), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("model_type", sa.String(500)),
        sa.Column("source_run_id", sa.String(32)),
        sa.Column("artifact_uri", sa.Text(), nullable=False),
        sa.Column("creation_time", sa.BigInteger(), nullable=False),
        sa.Column("last_update_time", sa.BigInteger(), nullable=False),
        sa.Column("lifecycle_stage", sa.String(8), nullable=False),
        sa.CheckConstraint(
            "lifecycle_stage IN ('active', 'deleted')", name="logged_models_lifecycle"
        ),
        sa.CheckConstraint("status IN ('PENDING', 'READY', 'FAILED')", name="logged_models_status"),
    )
    op.create_index(
        "logged_models_by_creation", "logged_models", ["experiment_id", "creation_time", "model_id"]
    )
    op.create_index("logged_models_by_run", "logged_models", ["source_run_id"])
    for table in ("logged_model_params", "logged_model_tags"):
        op.create_table(
            table,
            _reference("model", "logged_models.id", primary_key=True),
            sa.Column("key", sa.String(255), primary_key=True),
            sa.Column("value", sa.Text(), nullable=False),
        )
    point = ("model", "key", "run", "dataset_name", "dataset_digest", "step", "timestamp")
    op.create_table(
        "logged_model_metrics",
        _id(),
        _reference("model", "logged_models.id"),
        sa.Column("key", sa.String(250), nullable=False),
        _reference("run", "runs.id"),
        sa.Column("dataset_name", sa.String(500), nullable=False),
        sa.Column("dataset_digest", sa.String(36), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double()),
        sa.UniqueConstraint(*point, name="logged_model_metrics_once"),
    )
    op.create_index("logged_model_metrics_by_run", "logged_model_metrics", ["run"])


def _id() -> sa.Column[int]:
    return sa.Column("id", ROW_ID, sa.Identity(), primary_key=True)


def _reference(name: str, column: str, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        ROW_ID,
        sa.ForeignKey(column, ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )
