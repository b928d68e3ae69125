"""The state of a run changes here, and whoever asked to know hears of it in the same transaction.

Those who ask are packages above, which nothing here may import.
"""

from __future__ import annotations

from collections.abc import Callable

from podium.client.entities import RunStatus
from sqlalchemy.orm import Session

from ..models import Run

Listener = Callable[[Session, Run, RunStatus], None]
"""Called with the run as it is now and the state that it had before."""

_listeners: list[Listener] = []


def on_change(listener: Listener) -> None:
    """Have ``listener`` called from now on; once, however often it asks."""
    if listener not in _listeners:
        _listeners.append(listener)


def set_state(session: Session, run: Run, status: RunStatus) -> None:
    before = RunStatus(run.status)
    run.status = status
    if before is not status:
        for listener in _listeners:
            listener(session, run, before)
