"""The least and the greatest values of metrics in order."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    for which in ("min", "max"):
        op.create_index(
            f"metric_summaries_by_{which}", "metric_summaries", ["key", f"{which}_value", "run"]
        )
    if op.get_context().dialect.name == "sqlite":
        # Where it knows how selective other indexes are and not these, it takes these.
        op.execute("ANALYZE metric_summaries")
