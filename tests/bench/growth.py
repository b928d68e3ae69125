"""Does taking points get slower as they grow many? Draws docs/ingest.svg; run by `make growth`.

A hundred million points in a hundred runs, over HTTP into SQLite, while the worker compacts. Not
part of `make bench`, as it takes minutes and a gigabyte.
"""

from __future__ import annotations

import statistics
import struct
import time
from contextlib import closing
from pathlib import Path

import pytest

from ..services.podium import podium_up
from . import load
from .conftest import Figures

pytestmark = pytest.mark.bench

_RUNS, _BATCHES, _SIZE = 100, 20, 50_000
_MILLION = 1_000_000
_SEQUENCE_AT = 24  # in the header, which the checksum of the body leaves out
PICTURE = Path(__file__).parents[2] / "docs" / "ingest.svg"


@pytest.mark.timeout(3000)
def test_growth(figures: Figures, tmp_path: Path) -> None:
    rates: list[float] = []
    bodies = load.native_batches(_BATCHES, _SIZE)
    with podium_up(tmp_path / "podium") as server, closing(load.connect(server.url)) as connection:
        for number in range(_RUNS):
            path = f"/api/v1/runs/{load.new_run(server.url)}/points"
            started = time.perf_counter()
            for index, body in enumerate(bodies):
                sequence = struct.pack("<Q", number * _BATCHES + index)
                named = body[:_SEQUENCE_AT] + sequence + body[_SEQUENCE_AT + 8 :]
                load.post(connection, path, named, load.POINTS_TYPE)
            rates.append(_BATCHES * _SIZE / (time.perf_counter() - started))
        size = sum(each.stat().st_size for each in (tmp_path / "podium").glob("podium.db*"))
    # A quarter holds more than one turn of the worker, which the machine's two cores share in.
    first, last = statistics.mean(rates[:25]), statistics.mean(rates[-25:])
    figures.rate("ingest at 75 to 100M points", last, first, "pt/s", peer_name="at 0 to 25M")
    _draw(rates)
    assert size / (_RUNS * _MILLION) < 24, "compaction keeps up"


def _draw(rates: list[float]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 3.2), layout="constrained")
    axes.plot(range(1, len(rates) + 1), [rate / _MILLION for rate in rates], color="#2457c5")
    axes.set(
        xlabel="stored points, millions",
        ylabel="million points a second",
        ylim=(0, None),
        title="Native batches of 50,000 points over HTTP into SQLite, compaction beside",
    )
    axes.grid(alpha=0.3)
    figure.savefig(PICTURE, metadata={"Date": None})
    pyplot.close(figure)
