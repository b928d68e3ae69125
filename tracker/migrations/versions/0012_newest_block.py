"""Which of a run's blocks was the newest when it was counted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("stored_of_runs", sa.Column("newest_block", sa.BigInteger(), nullable=True))
