"""Run by Alembic: migrates the connection that ``podium.tracker.db.upgrade`` hands over.

The transaction and the lock around it are that function's.
"""

from __future__ import annotations

from alembic import context
from podium.tracker.db import VERSION_TABLE
from podium.tracker.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
