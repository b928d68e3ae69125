"""Some threads are kept out of a database that hangs; on a busy day nobody notices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from podium.client.errors import Unavailable
from podium.tracker import turnstile
from podium.tracker.turnstile import Turnstile


@pytest.fixture
def held() -> Iterator[tuple[Turnstile, threading.Event]]:
    """One of two places, both taken by threads that come out at a word."""
    found, go, inside = Turnstile(2), threading.Event(), threading.Barrier(3)

    def stay() -> None:
        with found.passed():
            inside.wait(30)
            go.wait(60)

    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(stay) for _ in range(2)]
        inside.wait(30)
        yield found, go
        go.set()
        for each in held:
            each.result(60)


def test_whoever_waits_while_nothing_moves_is_refused(
    held: tuple[Turnstile, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, go = held
    monkeypatch.setattr(turnstile, "_STUCK_SECONDS", 0.05)
    for _ in range(2):
        with pytest.raises(Unavailable, match="answers nobody just now") as refused, found.passed():
            raise AssertionError("it was let in")
        assert refused.value.retry_after == 2
    go.set()
    monkeypatch.setattr(turnstile, "_STUCK_SECONDS", 60.0)
    with found.passed():
        pass


def test_whoever_comes_while_others_go_in_and_out_waits(
    held: tuple[Turnstile, threading.Event],
) -> None:
    found, go = held
    let_in = threading.Event()

    def come() -> None:
        with found.passed():
            let_in.set()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(come)
        assert not let_in.wait(0.2)
        go.set()
        waiting.result(60)


def test_a_thread_that_is_in_goes_in_again_and_comes_out_once() -> None:
    found = Turnstile(1)
    for _ in range(2):
        with found.passed(), found.passed():
            pass
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: found.passed().__enter__()).result(60)


def test_an_error_gives_the_place_back() -> None:
    found = Turnstile(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), found.passed():
            raise ZeroDivisionError


def test_a_long_quiet_time_before_refuses_nobody() -> None:
    """The two seconds begin when somebody went in, not when the last one came out."""
    found = Turnstile(1)
    found._moved -= 3600
    inside, go, let_in = threading.Event(), threading.Event(), threading.Event()

    def stay() -> None:
        with found.passed():
            inside.set()
            go.wait(60)

    def come() -> None:
        with found.passed():
            let_in.set()

    with ThreadPoolExecutor(2) as pool:
        staying = pool.submit(stay)
        inside.wait(30)
        waiting = pool.submit(come)
        assert not let_in.wait(0.2)
        go.set()
        staying.result(60)
        waiting.result(60)
