"""A line that says how far the files are, for a person who waits at a terminal."""

from __future__ import annotations

import sys
import time

from .report import write

_PATIENCE = 0.5
_MB = 1_000_000


class Progress:
    """Shown only while somebody waits, so that it never mixes with a training's own output."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._moved_before: int | None = None
        self._total = 0
        self._width = 0

    def show(self, files: int, left: int, moved: int) -> None:
        """``left`` bytes of ``files`` wait; ``moved`` is a counter of bytes sent."""
        if time.monotonic() - self._begun < _PATIENCE or not _is_terminal():
            return
        if self._moved_before is None:
            self._moved_before = moved
        self._total = max(self._total, left)
        done = min(moved - self._moved_before, self._total)
        share = done / self._total if self._total else 1.0
        bar = ("#" * int(share * 20)).ljust(20, ".")
        text = f"podium: sending {files} file{'s' * (files != 1)} [{bar}] "
        text += f"{done / _MB:.1f} of {self._total / _MB:.1f} MB"
        write("\r" + text.ljust(self._width))
        self._width = len(text)

    def clear(self) -> None:
        if self._width:
            write("\r" + " " * self._width + "\r")


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False
