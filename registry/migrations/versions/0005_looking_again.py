"""When the worker looks again at a request that waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column(
        "promotion_requests",
        sa.Column("next_look", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
    )
    waiting = sa.text("status = 'WAITING'")
    op.create_index(
        "promotion_requests_by_look",
        "promotion_requests",
        ["next_look"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
