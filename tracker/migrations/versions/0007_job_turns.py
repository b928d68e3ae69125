"""When each of the worker's jobs was done last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "job_turns",
        sa.Column("job", sa.String(100), primary_key=True),
        sa.Column("every", sa.Double(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
    )
