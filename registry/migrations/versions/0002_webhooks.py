"""The outbox of events, webhooks, and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "outbox_events",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("event_id", sa.String(36), nullable=False, unique=True),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("spread", sa.Boolean(), nullable=False),
        sqlite_autoincrement=True,
    )
    _partial_index("outbox_events_to_spread", "outbox_events", ["id"], "NOT spread")
    op.create_index("outbox_events_by_age", "outbox_events", ["created"])
    _create_webhooks()
    _create_deliveries()


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("webhook_id", sa.String(36), nullable=False, unique=True),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("from_stages", sa.Text(), nullable=False),
        sa.Column("to_stages", sa.Text(), nullable=False),
        sa.Column("payload", sa.String(8), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text()),
        sa.Column("previous_secret", sa.Text()),
        sa.Column("previous_until", sa.BigInteger()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("deleted", sa.BigInteger()),
        sa.Column("due", sa.BigInteger()),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", sa.BigInteger()),
        sa.CheckConstraint("status IN ('ACTIVE', 'DISABLED')", name="webhooks_status"),
        sa.CheckConstraint("payload IN ('podium', 'mlflow', 'slack')", name="webhooks_payload"),
    )
    _partial_index("webhooks_by_due", "webhooks", ["due"], "due IS NOT NULL")


def _create_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        _reference("webhook", "webhooks"),
        _reference("event", "outbox_events"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("replay", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("begun", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger()),
        sa.CheckConstraint(
            "state IN ('PENDING', 'DELIVERED', 'GIVEN_UP')", name="webhook_deliveries_state"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("webhook_deliveries_by_webhook", "webhook_deliveries", ["webhook", "id"])
    op.create_index("webhook_deliveries_by_event", "webhook_deliveries", ["event"])
    _partial_index(
        "webhook_deliveries_pending",
        "webhook_deliveries",
        ["webhook", "key", "id"],
        "state = 'PENDING'",
    )
    op.create_table(
        "webhook_attempts",
        _reference("delivery", "webhook_deliveries", primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def _reference(name: str, table: str, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        ROW_ID,
        sa.ForeignKey(f"{table}.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )
