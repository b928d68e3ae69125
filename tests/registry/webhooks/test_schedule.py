"""The schedule of retries, on a clock that is only a number."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from podium.registry.webhooks.schedule import GIVE_UP_MS, next_try

HOUR = 3_600_000


def tries() -> list[int]:
    """The moments of all attempts of a delivery whose receiver always fails."""
    moments = [0]
    while (
        again := next_try(begun=0, attempts=len(moments), now=moments[-1], retry_after=None)
    ) is not None:
        moments.append(again)
    return moments


def test_soon_at_first_then_seldom_for_three_days() -> None:
    for _ in range(100):
        moments = tries()
        waits = [later - earlier for earlier, later in pairwise(moments)]
        assert 4_000 <= waits[0] <= 6_000
        for number, wait in enumerate(waits):
            usual = min(5_000 * 3**number, 6 * HOUR)
            assert 0.79 * usual <= wait <= 1.21 * usual
        assert GIVE_UP_MS - 7.3 * HOUR <= moments[-1] <= GIVE_UP_MS
        assert 17 <= len(moments) <= 24


def test_what_failed_together_does_not_come_again_together() -> None:
    assert len({tries()[5] for _ in range(20)}) > 10


@given(
    attempts=st.integers(1, 10_000),
    now=st.integers(0, 2**50),
    retry_after=st.none() | st.floats(0, 1e300),
)
def test_it_always_ends(attempts: int, now: int, retry_after: float | None) -> None:
    again = next_try(begun=0, attempts=attempts, now=now, retry_after=retry_after)
    assert again is None or now < again <= GIVE_UP_MS


def test_a_receiver_may_ask_for_patience() -> None:
    for attempts in (1, 5):
        again = next_try(begun=0, attempts=attempts, now=0, retry_after=7200)
        assert again == 2 * HOUR
    assert next_try(begun=0, attempts=1, now=0, retry_after=0.001) != 1, "not for haste"
    assert next_try(begun=0, attempts=1, now=0, retry_after=1e9) == 24 * HOUR
    assert next_try(begun=0, attempts=1, now=50 * HOUR, retry_after=1e9) is None
