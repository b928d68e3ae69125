"""Sweeps and their trials."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("sweep_id", sa.String(32), nullable=False, unique=True),
        sa.Column("model", ROW_ID, sa.ForeignKey("registered_models.id", ondelete="SET NULL")),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("version", sa.Integer()),
        sa.Column("experiment_id", sa.String(32), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("target", sa.String(63), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("desired", sa.String(4), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger()),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("desired IN ('RUN', 'STOP')", name="sweeps_desired"),
        sa.CheckConstraint(
            "state IN ('RUNNING', 'SUCCEEDED', 'FAILED', 'STOPPED')", name="sweeps_state"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("sweeps_by_model", "sweeps", ["model", "id"])
    op.create_index("sweeps_by_run", "sweeps", ["run_id"])
    still = sa.text("ended IS NULL")
    op.create_index("sweeps_open", "sweeps", ["id"], sqlite_where=still, postgresql_where=still)
    op.create_table(
        "sweep_trials",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("sweep", ROW_ID, sa.ForeignKey("sweeps.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.Column("launch_id", sa.String(32), nullable=False, unique=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("value", sa.Double()),
        sa.Column("step", sa.BigInteger()),
        sa.Column("curve", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger()),
        sa.CheckConstraint(
            "state IN ('WAITING', 'RUNNING', 'COMPLETE', 'PRUNED', 'FAILED', 'STOPPED')",
            name="sweep_trials_state",
        ),
        sa.UniqueConstraint("sweep", "number", name="sweep_trials_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("sweep_trials_by_value", "sweep_trials", ["sweep", "state", "value"])
