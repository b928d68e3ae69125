"""Text of a person as a literal of the search language."""

from __future__ import annotations


def quoted(text: str) -> str:
    """A string."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def containing(text: str) -> str:
    """A pattern for LIKE and ILIKE: what has the text in it, of which no character is special."""
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return quoted(f"%{plain}%")
