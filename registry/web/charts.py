"""Which charts a page has: what the script in ui/src/charts.ts is told to draw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from podium.client.entities import RunSnapshot
from podium.tracker.overview import MetricOverview

# As many lines as there are colours, and as many charts as a reader scrolls through.
MAX_LINES = 8
MAX_CHARTS = 60


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure; ``series`` is the JSON for its script, ``summary`` what is read out instead."""

    title: str
    series: str
    summary: str


@dataclass(frozen=True, slots=True)
class Charts:
    figures: tuple[Chart, ...]
    left_out: int

    @property
    def version(self) -> str:
        """Changes when the figures do, not when their points do."""
        text = "\n".join(figure.series for figure in self.figures)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_run(run: RunSnapshot, metrics: Sequence[MetricOverview]) -> Charts:
    """A figure for each metric of a run."""
    figures = tuple(
        Chart(
            metric.key,
            _series([{"run_id": run.run_id, "key": metric.key, "label": metric.key}]),
            f"Line chart of {metric.key}: {metric.points} points, the last at step "
            f"{metric.last_step}. The table of metrics has its figures.",
        )
        for metric in metrics[:MAX_CHARTS]
    )
    return Charts(figures, max(0, len(metrics) - MAX_CHARTS))


def overlays(runs: Sequence[RunSnapshot]) -> Charts:
    """A figure for each metric of some runs, a line a run."""
    shown = runs[:MAX_LINES]
    keys = sorted({point.key for run in shown for point in run.latest})
    figures = []
    for key in keys[:MAX_CHARTS]:
        having = [run for run in shown if key in run.metrics]
        names = ", ".join(run.run_name for run in having)
        figures.append(
            Chart(
                key,
                _series(
                    [{"run_id": run.run_id, "key": key, "label": run.run_name} for run in having]
                ),
                f"Line chart of {key} for the runs {names}. The table of runs has the last values.",
            )
        )
    return Charts(tuple(figures), max(0, len(keys) - MAX_CHARTS))


def _series(wanted: list[dict[str, Any]]) -> str:
    return json.dumps(wanted, ensure_ascii=False)
