"""Accounts, groups, roles, tokens, logins and invitations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "principals",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(128), nullable=False, unique=True),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), unique=True),
        sa.Column("password", sa.Text()),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('user', 'service', 'group')", name="principals_kind"),
        sa.CheckConstraint("role BETWEEN 0 AND 4", name="principals_role"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "memberships",
        _principal("member", primary_key=True),
        _principal("in_group", primary_key=True),
    )
    op.create_index("memberships_by_group", "memberships", ["in_group"])
    op.create_table(
        "grants",
        _principal("principal", primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("object", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.CheckConstraint("role BETWEEN 1 AND 4", name="grants_role"),
    )
    op.create_index("grants_by_object", "grants", ["kind", "object"])
    _create_secrets()


def _create_secrets() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        _principal("principal"),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("hint", sa.String(16), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger()),
        sa.Column("last_used", sa.BigInteger()),
        sa.Column("revoked", sa.BigInteger()),
        sqlite_autoincrement=True,
    )
    op.create_index("tokens_by_principal", "tokens", ["principal"])
    op.create_table(
        "logins",
        sa.Column("id", ROW_ID, sa.Identity(), primary_key=True),
        _principal("principal"),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("browser", sa.String(256), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("logins_by_principal", "logins", ["principal"])
    op.create_index("logins_by_expiry", "logins", ["expires"])
    op.create_table(
        "invitations",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        _principal("principal", nullable=True),
        sa.Column("expires", sa.BigInteger(), nullable=False),
    )


def _principal(name: str, *, primary_key: bool = False, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        ROW_ID,
        sa.ForeignKey("principals.id", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=nullable,
    )
