"""Sign-ins that have gone to an OpenID Connect provider and are not back yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "sign_ins",
        sa.Column("digest", sa.LargeBinary(32), primary_key=True),
        sa.Column("onward", sa.Text(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
    )
    op.create_index("sign_ins_by_expiry", "sign_ins", ["expires"])
