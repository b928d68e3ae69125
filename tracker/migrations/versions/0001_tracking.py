"""Experiments, runs, params, tags, metric summaries and batches."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    experiments = op.create_table(
        "experiments",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("name", sa.String(500), nullable=False, unique=True),
        sa.Column("artifact_location", sa.Text(), nullable=False),
        sa.Column("lifecycle_stage", sa.String(8), nullable=False),
        sa.Column("creation_time", sa.BigInteger(), nullable=False),
        sa.Column("last_update_time", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "lifecycle_stage IN ('active', 'deleted')", name="experiments_lifecycle"
        ),
    )
    op.create_table(
        "experiment_tags",
        sa.Column(
            "experiment_id",
            ROW_ID,
            sa.ForeignKey("experiments.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("key", sa.String(250), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("run_id", sa.String(32), nullable=False, unique=True),
        sa.Column("experiment_id", ROW_ID, sa.ForeignKey("experiments.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("end_time", sa.BigInteger()),
        sa.Column("lifecycle_stage", sa.String(8), nullable=False),
        sa.Column("artifact_uri", sa.Text(), nullable=False),
        sa.CheckConstraint("lifecycle_stage IN ('active', 'deleted')", name="runs_lifecycle"),
        sa.CheckConstraint(
            "status IN ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')", name="runs_status"
        ),
    )
    op.create_index("runs_by_start", "runs", ["experiment_id", "start_time", "run_id"])
    for table in ("params", "tags"):
        op.create_table(
            table,
            _run_column(primary_key=True),
            sa.Column("key", sa.String(250), primary_key=True),
            sa.Column("value", sa.Text(), nullable=False),
        )
    op.create_table(
        "metric_summaries",
        _run_column(primary_key=True),
        sa.Column("key", sa.String(250), primary_key=True),
        sa.Column("last_value", sa.Double()),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("last_timestamp", sa.BigInteger(), nullable=False),
        sa.Column("first_value", sa.Double()),
        sa.Column("first_step", sa.BigInteger(), nullable=False),
        sa.Column("first_timestamp", sa.BigInteger(), nullable=False),
        sa.Column("min_value", sa.Double()),
        sa.Column("max_value", sa.Double()),
        sa.Column("points", sa.BigInteger(), nullable=False),
    )
    op.create_index("metric_summaries_by_value", "metric_summaries", ["key", "last_value", "run"])
    op.create_table(
        "metric_batches",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        _run_column(),
        sa.Column("writer", sa.LargeBinary(16)),
        sa.Column("sequence", sa.BigInteger()),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("run", "writer", "sequence", name="metric_batches_once"),
    )
    op.create_index("metric_batches_by_run", "metric_batches", ["run", "id"])
    _create_default_experiment(experiments)


def _run_column(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "run",
        ROW_ID,
        sa.ForeignKey("runs.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


def _create_default_experiment(experiments: sa.Table) -> None:
    """MLflow's clients log to experiment "0", Default, when told of no other."""
    now = int(time.time() * 1000)
    op.bulk_insert(
        experiments,
        [
            {
                "id": 0,
                "name": "Default",
                "artifact_location": "mlflow-artifacts:/0",
                "lifecycle_stage": "active",
                "creation_time": now,
                "last_update_time": now,
            }
        ],
    )
