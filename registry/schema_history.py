"""Where the registry's schema history is: see ``podium.tracker.schema_history``."""

from __future__ import annotations

from pathlib import Path

from podium.tracker.schema_history import History

REGISTRY = History(Path(__file__).parent / "migrations", "0007", "registry_version")
