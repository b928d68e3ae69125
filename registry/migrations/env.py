"""Run by Alembic, for each history: see ``podium.tracker.schema_history``."""

from __future__ import annotations

from alembic import context
from podium.tracker.schema_history import run_revisions

run_revisions(context)
