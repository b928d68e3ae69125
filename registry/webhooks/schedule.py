"""When a delivery that failed is tried again: soon at first, then ever more seldom, for three days.

5 s, 15 s, 45 s, 2 min, 7 min, 20 min, 1 h, 3 h, then every 6 h; each up to a fifth sooner or later,
so that what failed together does not come again together.
"""

from __future__ import annotations

import random

GIVE_UP_MS = 3 * 24 * 3600 * 1000
_FIRST_MS = 5_000
_FACTOR = 3
_LONGEST_MS = 6 * 3600 * 1000
_JITTER = 0.2
# A receiver may ask for patience, but not for more than a day of it at once.
_LONGEST_RETRY_AFTER_MS = 24 * 3600 * 1000


def next_try(*, begun: int, attempts: int, now: int, retry_after: float | None) -> int | None:
    """The moment of the next attempt in ms, after ``attempts`` of them; None to give up.

    ``begun`` is when the delivery was due first, ``retry_after`` the seconds a receiver asked for.
    """
    # Not 3 ** attempts: that would be a very long number before it is cut.
    delay = min(_LONGEST_MS, _FIRST_MS * _FACTOR ** min(attempts - 1, 16))
    delay = round(delay * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  (no secret)
    if retry_after is not None:
        delay = max(delay, min(round(retry_after * 1000), _LONGEST_RETRY_AFTER_MS))
    return now + delay if now + delay <= begun + GIVE_UP_MS else None
