"""The registry's schema history, one module a revision: see ``podium.tracker.schema_history``."""
