"""What was refused, in the audit log: wrong passwords, tokens that are not let in, missing rights.

The log is for ever and anybody can be refused, so of each address and of all together only so many
become rows; the next row says how many did not.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from podium.client.errors import Unavailable

from .. import audit
from ..db import Database
from .caller import visit
from .throttle import Buckets, Limit

_OF_AN_ADDRESS = Limit(1 / 60, 10)
_OF_ALL = Limit(1 / 30, 60)


class Refusals:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._addresses, self._all = Buckets(_OF_AN_ADDRESS), Buckets(_OF_ALL)
        self._lock = threading.Lock()
        self._unrecorded = 0

    def note(self, action: str, subject: str, reason: str) -> None:
        """A row, unless there were too many. What is told to who was refused does not change."""
        if self._addresses.take(visit().address or "") or self._all.take(""):
            with self._lock:
                self._unrecorded += 1
            return
        with self._lock:
            left_out, self._unrecorded = self._unrecorded, 0
        after = {"unrecorded before": left_out} if left_out else None
        with suppress(Unavailable), self._db.writing() as session:
            audit.record(session, action, subject, after=after, reason=reason)
