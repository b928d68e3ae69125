"""How many objects a cluster has of launches that nobody knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "launch_clusters",
        sa.Column("strays", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )
