"""The SHA-256 of files as they were uploaded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "file_digests",
        sa.Column("place", sa.Text(), primary_key=True),
        sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("file_digests_by_folder", "file_digests", ["folder"])
