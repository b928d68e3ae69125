"""Metric blocks, the numbers of batches that went into them, and signs of life of runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "metric_blocks",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        _run_column(),
        sa.Column("key", sa.String(250), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("min_step", sa.BigInteger(), nullable=False),
        sa.Column("max_step", sa.BigInteger(), nullable=False),
        sa.Column("min_timestamp", sa.BigInteger(), nullable=False),
        sa.Column("max_timestamp", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("metric_blocks_by_series", "metric_blocks", ["run", "key", "id"])
    op.create_table(
        "metric_writers",
        _run_column(primary_key=True),
        sa.Column("writer", sa.LargeBinary(16), primary_key=True),
        sa.Column("first", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        # Else SQLite gives the id of a row that compaction has moved to another.
        with op.batch_alter_table(
            "metric_batches", recreate="always", table_kwargs={"sqlite_autoincrement": True}
        ):
            pass
    else:
        # Compressed already: another attempt would only cost time.
        for table in ("metric_batches", "metric_blocks"):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN data SET STORAGE EXTERNAL")
    op.add_column("runs", sa.Column("heartbeat", sa.BigInteger()))
    op.add_column("runs", sa.Column("alive_until", sa.BigInteger()))
    op.add_column(
        "runs", sa.Column("crashed", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index(
        "runs_by_alive_until",
        "runs",
        ["alive_until"],
        sqlite_where=sa.text("alive_until IS NOT NULL"),
        postgresql_where=sa.text("alive_until IS NOT NULL"),
    )


def _run_column(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "run",
        ROW_ID,
        sa.ForeignKey("runs.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )
