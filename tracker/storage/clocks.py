"""Before what is old is removed for good: is it known what time it is?"""

from __future__ import annotations

from podium.client.errors import Unavailable

from ..clock import now_ms
from ..db import Database

_HOUR_MS = 3_600_000


def check_clocks(db: Database) -> None:
    """Raise :class:`Unavailable` when this machine's clock and the database's are an hour apart:
    by one of them things are older than they are. With SQLite there is one clock, and no telling.
    """
    ahead = now_ms() - db.now_ms()
    if abs(ahead) > _HOUR_MS:
        raise Unavailable(
            f"The clock of this machine is {abs(ahead) / _HOUR_MS:,.1f} hours "
            f"{'ahead of' if ahead > 0 else 'behind'} the database's, so nothing is removed. "
            "Set the one that is wrong, then do it again."
        )
