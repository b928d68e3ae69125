"""How many threads may be in the database at once, so that some are left to answer without it.

A database that hangs holds whoever asks it until it goes on. If that could be every thread of a
server, nothing would answer any more: no health check, no page that says what is wrong, and no
refusal, after which a client comes again by itself. So a few threads are kept out, and when nobody
has gone in or come out for some time, whoever would wait is refused at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from podium.client.errors import Unavailable

from .instruments import POOL_TIMEOUTS, WAITS

# A server under load lets somebody out every few milliseconds. What takes this long in all of its
# threads is a database that hangs, or a lock that somebody holds.
_STUCK_SECONDS = 2.0


class Turnstile:
    """Lets ``places`` threads in; a thread that is in may go in again, as sessions within sessions.

    Raises :class:`Unavailable` for whoever finds no place once nobody has moved for two seconds.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._changed = threading.Condition()
        self._moved = time.monotonic()
        self._inside = threading.local()

    @contextmanager
    def passed(self) -> Iterator[None]:
        depth: int = getattr(self._inside, "depth", 0)
        if depth == 0:
            self._enter()
        self._inside.depth = depth + 1
        try:
            yield
        finally:
            self._inside.depth = depth
            if depth == 0:
                self._leave()

    def _enter(self) -> None:
        with self._changed:
            if self._free == 0:
                self._wait()
            self._free -= 1
            self._moved = time.monotonic()

    def _wait(self) -> None:
        began = time.monotonic()
        try:
            while self._free == 0:
                patience = self._moved + _STUCK_SECONDS - time.monotonic()
                if patience <= 0:
                    POOL_TIMEOUTS.inc()
                    raise Unavailable(
                        "The database answers nobody just now; try again shortly.", retry_after=2
                    )
                self._changed.wait(patience)
        finally:
            WAITS.observe(time.monotonic() - began)

    def _leave(self) -> None:
        with self._changed:
            self._free += 1
            self._moved = time.monotonic()
            self._changed.notify()
