"""Launch rules, launches with their events, and the leases of clusters."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "launch_rules",
        _id(),
        _text("glob", 256),
        _text("stage", 64),
        _text("purpose", 8),
        _text("spec"),
        _text("author"),
        _number("created"),
        _number("retired", nullable=True),
        sqlite_autoincrement=True,
    )
    _partial_index(
        "launch_rules_in_force",
        "launch_rules",
        ["glob", "stage", "purpose"],
        "retired IS NULL",
        unique=True,
    )
    _create_launches()
    op.create_table(
        "launch_events",
        _id(),
        sa.Column(
            "launch", ROW_ID, sa.ForeignKey("launches.id", ondelete="CASCADE"), nullable=False
        ),
        _number("at"),
        _text("actor"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _text("state", 9),
        _text("reason"),
        _text("message"),
    )
    op.create_index("launch_events_by_launch", "launch_events", ["launch", "id"])
    op.create_table(
        "launch_clusters",
        sa.Column("name", sa.String(253), primary_key=True),
        _number("fence"),
        _text("holder", 64),
        _number("leased_until"),
        sa.Column("failures", sa.Integer(), nullable=False),
        _number("away_since", nullable=True),
        _number("retry"),
        _text("problem"),
    )


def _create_launches() -> None:
    op.create_table(
        "launches",
        _id(),
        sa.Column("launch_id", sa.String(32), nullable=False, unique=True),
        sa.Column("model", ROW_ID, sa.ForeignKey("registered_models.id", ondelete="SET NULL")),
        _text("name", 256),
        sa.Column("version", sa.Integer()),
        _text("stage", 64),
        _text("digest", 64),
        _number("rule", nullable=True),
        sa.Column("run_id", sa.String(32)),
        _text("purpose", 8),
        _text("target", 63),
        _text("spec"),
        _text("cluster", 253),
        _text("namespace", 63),
        _text("object_name", 63),
        _text("objects"),
        _text("rates"),
        _text("queue", 63),
        sa.Column("deadline", sa.Integer()),
        _text("desired", 4),
        _text("stop_reason"),
        _text("state", 9),
        _text("reason"),
        _text("message"),
        _text("diagnosis"),
        _text("endpoint"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        _number("due"),
        sa.Column("uid", sa.String(64)),
        sa.Column("gpu_seconds", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        _text("currency", 8),
        _number("counted", nullable=True),
        _text("log"),
        _text("logs"),
        _text("author"),
        _number("created"),
        _number("applied", nullable=True),
        _number("started", nullable=True),
        _number("ended", nullable=True),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.CheckConstraint("desired IN ('RUN', 'STOP')", name="launches_desired"),
        sa.CheckConstraint(
            "state IN ('WAITING', 'PENDING', 'RUNNING', 'READY', 'SUCCEEDED', 'FAILED', "
            "'STOPPED', 'REPLACED')",
            name="launches_state",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("launches_by_model", "launches", ["model", "id"])
    op.create_index("launches_by_run", "launches", ["run_id"])
    _partial_index("launches_open", "launches", ["cluster", "id"], "NOT closed")


def _id() -> sa.Column[int]:
    return sa.Column("id", ROW_ID, sa.Identity(), primary_key=True)


def _text(name: str, length: int | None = None) -> sa.Column[str]:
    kind = sa.Text() if length is None else sa.String(length)
    return sa.Column(name, kind, nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _partial_index(
    name: str, table: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    condition: Any = sa.text(where)
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )
