"""Numbers, times and sizes as pages write them."""

from __future__ import annotations

import math
import time

import pytest
from podium.registry.web import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (1 / 3, "0.33333"),
        (12345.678, "12346"),
        (123456.7, "123,457"),
        (1e7, "1e7"),
        (-2.5e-7, "-2.5e-7"),
        (1.23456789e-10, "1.2346e-10"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (5e-324, "4.9407e-324"),
    ],
)
def test_numbers(value: float | None, text: str) -> None:
    assert formats.number(value) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [(1, "just now"), (42, "42 s ago"), (3 * 60 + 5, "3 min ago"), (26 * 3600, "1 d ago")],
)
def test_moments(ago: float, text: str) -> None:
    html = formats.moment(int((time.time() - ago) * 1000))
    assert f">{text}</time>" in html
    assert 'title="20' in html


def test_moments_far_away() -> None:
    assert formats.moment(None) == "\N{EN DASH}"
    assert ">2001-09-09 01:46</time>" in formats.moment(1_000_000_000_000)
    assert formats.moment(2**62) == str(2**62)


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0.0 s"),
        (9_940, "9.9 s"),
        (61_000, "1 min 1 s"),
        (90_061_000, "1 d 1 h"),
        (-1, "\N{EN DASH}"),
    ],
)
def test_durations(ms: int, text: str) -> None:
    assert formats.duration(1_000, 1_000 + ms) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, ""), (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 * 1024**4, "5.0 TiB")],
)
def test_sizes(size: int | None, text: str) -> None:
    assert formats.size(size) == text
