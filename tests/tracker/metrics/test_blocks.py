"""Blocks: whatever was logged comes back bit for bit, and small where it can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from podium.tracker.metrics import Columns, blocks
from podium.tracker.metrics.blocks import CorruptBlock, decode, encode


def same(one: Columns, other: Columns) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("steps", "timestamps", "values")
    )


@given(st.data(), st.integers(1, 300))
def test_any_points_come_back_bit_for_bit(data: st.DataObject, size: int) -> None:
    bits = data.draw(arrays.arrays(np.int64, size))
    points = Columns(
        data.draw(arrays.arrays(np.int64, size)),
        data.draw(arrays.arrays(np.int64, size)),
        bits.view(np.float64),  # every NaN there is, too
    )
    assert same(decode(encode(points)), points)


@pytest.mark.parametrize("value", [0.5, -0.0, np.nan, np.inf, 5e-324])
def test_a_constant_costs_nearly_nothing(value: float) -> None:
    steps = np.arange(blocks.MAX_POINTS, dtype=np.int64)
    points = Columns(steps, 1_700_000_000_000 + steps * 1000, np.full(len(steps), value))
    packed = encode(points)
    assert len(packed) < 500
    assert same(decode(packed), points)


def test_a_noisy_loss_is_under_eight_bytes_a_point() -> None:
    chance = np.random.default_rng(1)
    steps = np.arange(blocks.MAX_POINTS, dtype=np.int64)
    times = 1_700_000_000_000 + np.cumsum(chance.integers(40, 60, len(steps)))
    loss = 2.3 * np.exp(-steps / 20_000) + chance.normal(0, 0.05, len(steps))
    assert len(encode(Columns(steps, times, loss))) / len(steps) < 8


def test_the_format_is_what_is_written_down() -> None:
    """One raw point, byte by byte: what is on disk today must be read in ten years."""
    block = bytes.fromhex(
        "5044424b 01 000000 01000000 08000000 08000000 08000000 1fe45234"
        "0700000000000000 00e8764817000000 000000000000e03f"
    )
    points = decode(block)
    assert points.steps.tolist() == [7]
    assert points.timestamps.tolist() == [100_000_000_000]
    assert points.values.tolist() == [0.5]


def test_a_broken_block_is_seen() -> None:
    packed = bytearray(
        encode(Columns(*(np.arange(50).astype(kind) for kind in ("i8", "i8", "f8"))))
    )
    packed[-1] ^= 1
    with pytest.raises(CorruptBlock, match="checksum"):
        decode(bytes(packed))
