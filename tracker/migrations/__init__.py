"""The tracker's schema history, one module a revision, run by ``podium.tracker.schema_history``."""
