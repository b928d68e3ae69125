"""Which charts a page has: what the script in ui/src/charts.ts is told to draw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from podium.client.entities import RunSnapshot
from podium.tracker.overview import MetricOverview
from podium.tracker.runs.table import Row

# As many lines as pointing can tell apart, and as many charts as a reader scrolls through.
MAX_LINES = 100
MAX_CHARTS = 60
_NAMED = 8
# What a sampler logs of the machine, as MLflow's does: on a page of its own.
SYSTEM = "system/"


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure; ``series`` is the JSON for its script, ``summary`` what is read out instead."""

    title: str
    series: str
    summary: str
    last: float | None = None


@dataclass(frozen=True, slots=True)
class Charts:
    figures: tuple[Chart, ...]
    left_out: int

    @property
    def version(self) -> str:
        """Changes when the figures do, not when their points do."""
        text = "\n".join(figure.series for figure in self.figures)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Group:
    """The metrics of a run that have one beginning. ``total`` counts those without a figure too."""

    name: str
    total: int
    figures: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """The metrics of a run, the first of them as figures: the script asks for the others."""

    run: RunSnapshot
    groups: tuple[Group, ...]
    total: int
    found: int


def grid(
    run: RunSnapshot, metrics: Sequence[MetricOverview], *, system: bool = False, find: str = ""
) -> Grid:
    """Of the metrics of the machine or of the others, those with ``find`` in their keys."""
    mine = [each for each in metrics if each.key.startswith(SYSTEM) is system]
    found = [each for each in mine if find.lower() in each.key.lower()]
    begins = len(SYSTEM) if system else 0
    groups, left = [], MAX_CHARTS
    for name, members in groupby(
        sorted(found, key=lambda each: (_group(each.key, begins), each.key)),
        key=lambda each: _group(each.key, begins),
    ):
        group = list(members)
        groups.append(Group(name, len(group), tuple(_of_metric(run, m) for m in group[:left])))
        left -= len(group[:left])
    return Grid(run, tuple(groups), len(mine), len(found))


def overlays(runs: Sequence[Row], keys: Sequence[str] = ()) -> Charts:
    """A figure for each of these metrics of some runs, or for all; a line a run."""
    shown = runs[:MAX_LINES]
    keys = keys or sorted({key for run in shown for key in run.metrics})
    figures = []
    for key in keys[:MAX_CHARTS]:
        having = [run for run in shown if key in run.metrics]
        names = ", ".join(run.run_name for run in having[:_NAMED])
        if len(having) > _NAMED:
            names += f" and {len(having) - _NAMED} more"
        figures.append(
            Chart(
                key,
                _series([_line(run, key, run.run_name) for run in having]),
                f"Line chart of {key} for the runs {names}. The table of runs has the last values.",
            )
        )
    return Charts(tuple(figures), max(0, len(keys) - MAX_CHARTS))


def _group(key: str, begins: int) -> str:
    """What stands before the first slash: ui/src/metrics.ts groups in the same way."""
    name, slash, _ = key[begins:].partition("/")
    return name if slash else ""


def _of_metric(run: RunSnapshot, metric: MetricOverview) -> Chart:
    return Chart(
        metric.key,
        _series([_line(run, metric.key, metric.key)]),
        f"Line chart of {metric.key}: {metric.points} points, the last at step "
        f"{metric.last_step}. The table of metrics has its figures.",
        metric.last,
    )


def _line(run: RunSnapshot | Row, key: str, label: str) -> dict[str, Any]:
    return {"run_id": run.run_id, "key": key, "label": label, "start": run.start_time}


def _series(wanted: list[dict[str, Any]]) -> str:
    return json.dumps(wanted, ensure_ascii=False)
