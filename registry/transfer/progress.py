"""A line for a person who waits at a terminal; nothing where nobody does."""

from __future__ import annotations

import sys
import time

_BETWEEN = 0.2


class Progress:
    """How far a copy is: ``count`` of a ``total``, where that is known."""

    def __init__(self) -> None:
        self._shown = 0.0
        self._width = 0
        self._seen = sys.stderr.isatty()

    def show(self, what: str, count: int, total: int | None = None) -> None:
        now = time.monotonic()
        if not self._seen or now - self._shown < _BETWEEN:
            return
        self._shown = now
        text = f"podium: {what} {count:,}" + (f" of {total:,}" if total is not None else "")
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def clear(self) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()
            self._width = 0
