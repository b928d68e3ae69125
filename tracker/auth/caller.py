"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """``name`` is what people read in histories."""

    name: str


# On loopback nobody is asked who they are.
LOCAL = Caller("local")


def caller() -> Caller:
    """Whose request is being answered."""
    return LOCAL
