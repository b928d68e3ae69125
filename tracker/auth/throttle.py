"""Slowing down who asks too often.

Buckets of this process: a server of several processes lets through so many times as much. That is
enough against guessing, and against a loop that someone forgot; it is no defence from a flood.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from podium.client.errors import TooManyRequests

_MOST_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class Limit:
    """``burst`` at once, and ``rate`` a second after that."""

    rate: float
    burst: float


class Buckets:
    """One bucket a key, full in the beginning."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, key: str, amount: float = 1.0) -> float:
        """Take ``amount``, or nothing when there is less: then the seconds to wait are returned."""
        now = time.monotonic()
        with self._lock:
            level = self._level(key, now)
            if level < amount:
                return (amount - level) / self.limit.rate
            self._put(key, level - amount, now)
        return 0.0

    def give_back(self, key: str, amount: float = 1.0) -> None:
        now = time.monotonic()
        with self._lock:
            self._put(key, min(self.limit.burst, self._level(key, now) + amount), now)

    def _level(self, key: str, now: float) -> float:
        level, then = self._levels.get(key, (self.limit.burst, now))
        return min(self.limit.burst, level + (now - then) * self.limit.rate)

    def _put(self, key: str, level: float, now: float) -> None:
        if len(self._levels) >= _MOST_KEYS and key not in self._levels:
            # The fuller a bucket is, the less is lost with it: a flood of other keys, each taken
            # from once, empties nobody's memory of who has asked too often.
            now_levels = {each: self._level(each, now) for each in self._levels}
            emptiest = sorted(now_levels, key=now_levels.__getitem__)[: _MOST_KEYS // 2]
            self._levels = {each: (now_levels[each], now) for each in emptiest}
        self._levels[key] = (level, now)


class Attempts:
    """Guesses of a password: few from one address at one account, some from one address at all, and
    more at one account from wherever they come.
    """

    def __init__(self, pair: Limit, address: Limit, account: Limit) -> None:
        self._pairs, self._addresses = Buckets(pair), Buckets(address)
        self._accounts = Buckets(account)

    def take(self, account: str, address: str) -> None:
        pair = f"{account} {address}"
        wait = self._pairs.take(pair) or self._addresses.take(address)
        wait = wait or self._accounts.take(account)
        if wait:
            raise TooManyRequests(
                f"Too many wrong passwords. Wait {wait:.0f} seconds, then try again.",
                retry_after=wait,
            )

    def give_back(self, account: str, address: str) -> None:
        """It was the right one."""
        self._pairs.give_back(f"{account} {address}")
        self._addresses.give_back(address)
        self._accounts.give_back(account)


def new_attempts() -> Attempts:
    """Ten wrong ones, then two a minute; a whole office behind one address has more. At an account
    a hundred, then one in half a minute: whoever guesses from many addresses may keep its owner
    from signing in meanwhile, but not from what he has signed in to.
    """
    return Attempts(Limit(1 / 30, 10), Limit(1 / 3, 60), Limit(1 / 30, 100))


PASSWORDS = new_attempts()
