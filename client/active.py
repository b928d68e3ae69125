"""Which run a call without a run means.

The process has one stack of runs, and every thread logs to the run on top of it. A thread other
than the one that began it may start runs of its own: those are seen by that thread only, so that
trials in parallel threads do not mix.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run import Run


class _Process:
    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.owner = 0


class _Thread(threading.local):
    def __init__(self) -> None:
        self.runs: list[Run] = []


_process, _thread = _Process(), _Thread()


def current() -> Run | None:
    if _thread.runs:
        return _thread.runs[-1]
    return _process.runs[-1] if _process.runs else None


def own() -> Run | None:
    """The run on top that this thread may end: one of its own or, for the owner, the process's."""
    stack = _stack()
    return stack[-1] if stack else None


def push(run: Run) -> None:
    if not _process.runs:
        _process.owner = threading.get_ident()
    _stack().append(run)


def above(run: Run) -> list[Run]:
    """Runs that were started inside this one and not ended, innermost first."""
    stack = _stack()
    return stack[: stack.index(run) : -1] if run in stack else []


def remove(run: Run) -> None:
    for stack in (_thread.runs, _process.runs):
        if run in stack:
            stack.remove(run)


def clear() -> None:
    _process.runs.clear()
    _thread.runs.clear()


def _stack() -> list[Run]:
    mine = not _process.runs or threading.get_ident() == _process.owner
    return _process.runs if mine else _thread.runs
