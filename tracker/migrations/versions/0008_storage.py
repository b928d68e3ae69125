"""What is stored, quotas, retention, legal holds; when something was deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _mark_deletions()
    _create_counts()
    _create_rules()
    op.create_table(
        "doomed_folders",
        sa.Column("place", sa.Text(), primary_key=True),
        sa.Column("why", sa.String(8), nullable=False),
        _number("since"),
        _number("files"),
        _number("file_bytes"),
        sa.CheckConstraint("why IN ('found', 'purged', 'policy')", name="doomed_folders_why"),
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.String(64), primary_key=True),
        _number("leased_until"),
        _number("done"),
    )


def _mark_deletions() -> None:
    """What was deleted before counts as deleted now."""
    now = "CAST(EXTRACT(EPOCH FROM now()) * 1000 AS bigint)"
    if op.get_bind().dialect.name == "sqlite":
        now = "CAST(strftime('%s', 'now') AS INTEGER) * 1000"
    for table in ("runs", "logged_models"):
        op.add_column(table, sa.Column("deleted", sa.BigInteger()))
        op.execute(f"UPDATE {table} SET deleted = {now} WHERE lifecycle_stage = 'deleted'")  # noqa: S608
        op.create_index(
            f"{table}_by_deletion",
            table,
            ["deleted"],
            sqlite_where=sa.text("deleted IS NOT NULL"),
            postgresql_where=sa.text("deleted IS NOT NULL"),
        )


def _create_counts() -> None:
    op.create_table(
        "stored_of_runs",
        _reference("run", "runs"),
        _number("files"),
        _number("file_bytes"),
        _number("point_bytes"),
    )
    op.create_table(
        "stored_of_logged_models",
        _reference("model", "logged_models"),
        _number("files"),
        _number("file_bytes"),
    )
    op.create_table(
        "storage_totals",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(500), primary_key=True),
        _number("files"),
        _number("file_bytes"),
        _number("point_bytes"),
        _number("counted"),
    )
    op.create_table(
        "storage_promises",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        _number("bytes"),
        _number("at"),
    )
    op.create_index("storage_promises_by_name", "storage_promises", ["kind", "name"])


def _create_rules() -> None:
    op.create_table(
        "storage_quotas",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(500), primary_key=True),
        _number("bytes"),
        sa.Column("author", sa.Text(), nullable=False),
        _number("created"),
        sa.CheckConstraint("kind IN ('experiment', 'user')", name="storage_quotas_kind"),
    )
    op.create_table(
        "retention_policies",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("glob", sa.String(500), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        _number("days"),
        sa.Column("states", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        _number("created"),
        sa.CheckConstraint(
            "what IN ('runs', 'points', 'files', 'models')", name="retention_policies_what"
        ),
    )
    op.create_table(
        "legal_holds",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        _number("created"),
    )


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _reference(name: str, table: str) -> sa.Column[int]:
    to = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, ROW_ID, to, primary_key=True, autoincrement=False)
