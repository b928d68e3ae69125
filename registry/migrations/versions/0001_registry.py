"""Registered models, their versions, the tags of both, and aliases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "registered_models",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("name", sa.String(256), nullable=False, unique=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("creation_time", sa.BigInteger(), nullable=False),
        sa.Column("last_update_time", sa.BigInteger(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "registered_model_tags",
        _reference("model", "registered_models", primary_key=True),
        sa.Column("key", sa.String(250), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    _create_versions()
    op.create_table(
        "model_version_tags",
        _reference("version", "model_versions", primary_key=True),
        sa.Column("key", sa.String(250), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "registered_model_aliases",
        _reference("model", "registered_models", primary_key=True),
        sa.Column("alias", sa.String(255), primary_key=True),
        _reference("version", "model_versions"),
    )
    op.create_index("registered_model_aliases_by_version", "registered_model_aliases", ["version"])


def _create_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        _reference("model", "registered_models"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=False),
        sa.Column("lifecycle_stage", sa.String(8), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("storage_location", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(32)),
        sa.Column("run_link", sa.Text(), nullable=False),
        sa.Column("model_id", sa.String(40)),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("creation_time", sa.BigInteger(), nullable=False),
        sa.Column("last_update_time", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64)),
        sa.UniqueConstraint("model", "version", name="model_versions_number"),
        sa.CheckConstraint(
            "lifecycle_stage IN ('active', 'deleted')", name="model_versions_lifecycle"
        ),
        sa.CheckConstraint(
            "status IN ('PENDING_REGISTRATION', 'FAILED_REGISTRATION', 'READY')",
            name="model_versions_status",
        ),
    )
    op.create_index("model_versions_by_stage", "model_versions", ["model", "stage", "version"])
    op.create_index("model_versions_by_run", "model_versions", ["run_id"])
    op.create_index("model_versions_by_logged_model", "model_versions", ["model_id"])


def _reference(name: str, table: str, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        ROW_ID,
        sa.ForeignKey(f"{table}.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )
