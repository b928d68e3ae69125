"""What the client tells its user: never an exception, always once, and never a flood."""

from __future__ import annotations

import logging
import sys
from threading import RLock

log = logging.getLogger("podium")


class Reporter:
    """Warnings go to the logger ``podium`` (which prints to stderr where logging is not set up)."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._lock = RLock()  # reentrant: a signal handler may warn while its thread does

    def once(self, about: str, message: str) -> None:
        """Warn, unless a warning about the same thing was given since it was last forgotten."""
        with self._lock:
            if about in self._said:
                return
            self._said.add(about)
        log.warning("podium: %s", message)

    def forget(self, about: str) -> bool:
        """Whether a warning was given; the next one about it will be given again."""
        with self._lock:
            known = about in self._said
            self._said.discard(about)
        return known


def line(message: str) -> None:
    """One line on stderr, for what a person must see at the end of a run."""
    write(f"podium: {message}\n")


def write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError, RuntimeError):
        pass  # a closed, missing or (under a signal) busy stderr must not disturb a training
