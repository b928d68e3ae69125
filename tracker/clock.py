"""The time, in the unit of the API; and what is right although clocks are put forward and back.

Durations within a process are measured by its monotonic clock, which nobody puts. What processes
agree upon, as leases and when something is due, goes by the clock they share: see :class:`Shared`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from podium.client.errors import Unavailable

_ASK_AGAIN_SECONDS = 10.0


def now_ms() -> int:
    """Milliseconds since the Unix epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


def is_over(until: Any, now: int, *, longest: int) -> Any:
    """Whether ``until`` is past, the end of something that lasts ``longest`` ms at most.

    One that lies further ahead was written by a clock that has been put back since, and nobody is
    to wait for it. ``until`` is a number, or a column; then so is the answer.
    """
    return (until <= now) | (until > now + longest)


def running_seconds() -> float:
    """Of a clock that only goes forward, also while the machine sleeps where it can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Shared:
    """A database's clock: the same for all processes over it, however their machines' differ.

    ``read`` asks for it and is asked every few seconds; in between, and while the database is away,
    the time goes on from there, whatever happens to the clock of this machine.
    """

    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: tuple[float, float] | None = None  # ms since 1970, at which running second
        self._next = 0.0

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch; this machine's, if the database never answered."""
        with self._lock:
            now = running_seconds()
            if now >= self._next:
                self._ask()
                now = running_seconds()
            if self._known is None:
                return now_ms()
            then, at = self._known
            return int(then + (now - at) * 1000)

    def _ask(self) -> None:
        try:
            found = self._read()
        except Unavailable:
            pass
        else:
            self._known = float(found), running_seconds()
        self._next = running_seconds() + _ASK_AGAIN_SECONDS
