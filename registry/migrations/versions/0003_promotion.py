"""Stage sets, policies, freezes, requests, approvals, transitions, comments and inspections."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_rules()
    _create_requests()
    _create_history()
    _create_inspections()


def _create_rules() -> None:
    op.create_table(
        "stage_sets",
        _id(),
        sa.Column("glob", sa.String(256), nullable=False, unique=True),
        sa.Column("stages", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "promotion_policies",
        _id(),
        sa.Column("glob", sa.String(256), nullable=False),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("retired", sa.BigInteger()),
        sqlite_autoincrement=True,
    )
    _partial_index(
        "promotion_policies_in_force",
        "promotion_policies",
        ["glob", "stage"],
        "retired IS NULL",
        unique=True,
    )
    op.create_table(
        "stage_freezes",
        _id(),
        sa.Column("glob", sa.String(256), nullable=False),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("lifted", sa.BigInteger()),
        sa.Column("lifted_by", sa.Text()),
    )
    _partial_index("stage_freezes_in_force", "stage_freezes", ["id"], "lifted IS NULL")


def _create_requests() -> None:
    op.create_table(
        "promotion_requests",
        _id(),
        _reference("model", "registered_models"),
        _reference("version", "model_versions"),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("before", sa.String(64), nullable=False),
        sa.Column("status", sa.String(9), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("archive", sa.Boolean()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger()),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("policy", sa.BigInteger(), nullable=False),
        sa.Column("gates", sa.Text(), nullable=False),
        sa.Column("decided", sa.BigInteger()),
        sa.Column("decided_by", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("overridden", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "status IN ('WAITING', 'DONE', 'REJECTED', 'WITHDRAWN', 'EXPIRED')",
            name="promotion_requests_status",
        ),
        sqlite_autoincrement=True,
    )
    waiting = "status = 'WAITING'"
    _partial_index(
        "promotion_requests_waiting",
        "promotion_requests",
        ["version", "stage"],
        waiting,
        unique=True,
    )
    op.create_index("promotion_requests_by_model", "promotion_requests", ["model", "id"])
    _partial_index("promotion_requests_by_expiry", "promotion_requests", ["expires"], waiting)
    op.create_table(
        "promotion_approvals",
        _id(),
        _reference("request", "promotion_requests"),
        sa.Column("approver", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("policy", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint(
            "request", "approver", "digest", "policy", name="promotion_approvals_once"
        ),
    )


def _create_history() -> None:
    op.create_table(
        "stage_transitions",
        _id(),
        _reference("model", "registered_models"),
        _reference("version", "model_versions"),
        sa.Column("before", sa.String(64), nullable=False),
        sa.Column("after", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(11), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        _reference("request", "promotion_requests", nullable=True, ondelete="SET NULL"),
        sa.CheckConstraint(
            "kind IN ('MOVED', 'REPLACED', 'ROLLED_BACK', 'TAKEN_BACK', 'DELETED')",
            name="stage_transitions_kind",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("stage_transitions_by_model", "stage_transitions", ["model", "id"])
    op.create_index("stage_transitions_by_version", "stage_transitions", ["version"])
    op.create_table(
        "version_comments",
        _id(),
        _reference("version", "model_versions"),
        _reference("request", "promotion_requests", nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
    )
    op.create_index("version_comments_by_version", "version_comments", ["version", "id"])


def _create_inspections() -> None:
    op.create_table(
        "version_inspections",
        _reference("version", "model_versions", primary_key=True),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("scan", sa.String(8), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry", sa.BigInteger()),
        sa.CheckConstraint(
            "status IN ('RUNNING', 'DONE', 'FAILED')", name="version_inspections_status"
        ),
        sa.CheckConstraint(
            "scan IN ('CLEAN', 'UNSAFE', 'UNKNOWN')", name="version_inspections_scan"
        ),
    )
    op.create_table(
        "version_files",
        _reference("version", "model_versions", primary_key=True),
        sa.Column("path", sa.String(1024), primary_key=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )


def _id() -> sa.Column[int]:
    return sa.Column("id", ROW_ID, sa.Identity(), primary_key=True)


def _partial_index(
    name: str, table: str, columns: list[str], where: str, *, unique: bool = False
) -> None:
    condition: Any = sa.text(where)
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition
    )


def _reference(
    name: str,
    table: str,
    *,
    primary_key: bool = False,
    nullable: bool = False,
    ondelete: str = "CASCADE",
) -> sa.Column[int]:
    return sa.Column(
        name,
        ROW_ID,
        sa.ForeignKey(f"{table}.id", ondelete=ondelete),
        primary_key=primary_key,
        nullable=nullable,
    )
