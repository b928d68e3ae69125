"""Downsampling: whatever an eye would see is still there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from podium.tracker.metrics import Columns, band, downsample


def _columns(steps: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> Columns:
    return Columns(steps, np.arange(len(steps), dtype=np.int64), values)


@given(st.data(), st.integers(1, 50))
def test_extremes_ends_and_gaps_are_kept(data: st.DataObject, width: int) -> None:
    size = data.draw(st.integers(0, 400))
    steps = data.draw(arrays.arrays(np.int64, size))
    values = data.draw(arrays.arrays(np.float64, size))
    kept = downsample(_columns(steps, values), width)
    assert len(kept) <= max(2 * width, 3 * width + 2)
    assert set(kept.timestamps.tolist()) <= set(range(size))
    assert (np.diff(kept.steps.astype(object)) >= 0).all()
    if size == 0:
        return
    numbers = values[~np.isnan(values)]
    if numbers.size:
        assert np.nanmin(kept.values) == numbers.min()
        assert np.nanmax(kept.values) == numbers.max()
    assert np.isnan(kept.values).any() == np.isnan(values).any()
    order = np.argsort(steps, kind="stable")
    assert kept.timestamps[0] == order[0]
    assert kept.timestamps[-1] == order[-1]


def test_a_spike_of_one_point_in_a_million_survives() -> None:
    values = np.zeros(1_000_000)
    values[777_777] = 9.0
    kept = downsample(_columns(np.arange(1_000_000, dtype=np.int64), values), 1000)
    assert kept.values.max() == 9.0
    assert len(kept) <= 3002


def test_every_bucket_keeps_its_band() -> None:
    generator = np.random.default_rng(7)
    steps = np.arange(100_000, dtype=np.int64)
    values = generator.normal(size=100_000)
    kept = downsample(_columns(steps, values), 100)
    for start in range(0, 100_000, 1000):
        chosen = kept.values[(kept.steps >= start) & (kept.steps < start + 1000)]
        bucket = values[start : start + 1000]
        assert chosen.min() == bucket.min()
        assert chosen.max() == bucket.max()


@given(st.data(), st.integers(1, 50))
def test_a_band_tells_of_every_number_and_hides_no_gap(data: st.DataObject, width: int) -> None:
    size = data.draw(st.integers(1, 400))
    steps = data.draw(arrays.arrays(np.int64, size))
    values = data.draw(arrays.arrays(np.float64, size))
    found = band(_columns(steps, values), width)
    assert len(found.mean) <= 2 * width
    assert (np.diff(found.mean.steps.astype(object)) >= 0).all()
    order = np.argsort(steps, kind="stable")
    np.testing.assert_equal(found.last, values[order[-1]])
    if found.low is None or found.high is None:
        np.testing.assert_equal(found.mean.values, values[order])
        return
    means = found.mean.values
    assert ((means >= found.low) & (means <= found.high) | np.isnan(means)).all()
    numbers = values[np.isfinite(values)]
    if numbers.size:
        assert np.nanmin(found.low) == numbers.min()
        assert np.nanmax(found.high) == numbers.max()
    assert np.isnan(found.mean.values).any() == (~np.isfinite(values)).any()


def test_the_mean_is_one_and_fits_between_its_band() -> None:
    values = np.tile([1.0, 3.0], 50_000)
    found = band(_columns(np.arange(100_000, dtype=np.int64), values), 100)
    assert found.low is not None
    assert found.high is not None
    assert len(found.mean) == 100
    np.testing.assert_allclose(found.mean.values, 2, atol=0.01)
    assert (found.low.max(), found.high.min(), found.last) == (1, 3, 3)
    huge = band(_columns(np.arange(1000, dtype=np.int64), np.full(1000, 1.5e308)), 10)
    np.testing.assert_allclose(huge.mean.values, 1.5e308)
    greatest = np.finfo(np.float64).max
    for value in (greatest, -greatest):
        equal = band(_columns(np.zeros(107, dtype=np.int64), np.full(107, value)), 1)
        assert equal.mean.values.tolist() == [value]
