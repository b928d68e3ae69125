"""Reading the points of runs: one metric's history, and charts of many."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from podium.client.entities import Metric, Page
from podium.client.errors import BadRequest
from sqlalchemy import select
from sqlalchemy.orm import Session

from .db import Database
from .metrics import ALL, EMPTY, Band, Columns, Window, band, downsample, history, read_runs
from .metrics.tables import MetricSummary
from .models import Run
from .paging import check_size
from .runs.read import find_run

MAX_SERIES = 200
MAX_WIDTH = 10_000
MAX_HISTORY_PAGE = 25_000
MAX_SAMPLED_RUNS = 100
MAX_SAMPLES = 2_500

_POSITION = struct.Struct("<qqd")


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """A series as a chart shows it; ``points`` counts those it was made from.

    ``received`` counts all that ever came. ``drawn`` is None where the caller has it already.
    """

    run_id: str
    key: str
    received: int
    drawn: Band | None
    points: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A series to draw; ``received`` is that of the columns the caller has, if it has any."""

    run_id: str
    key: str
    received: int | None = None


def metric_history(
    db: Database,
    run_id: str,
    key: str,
    *,
    max_results: int | None = None,
    page_token: str | None = None,
) -> Page[Metric]:
    """Each distinct point by timestamp, step and value; all of them without ``max_results``.

    A page continues behind the last point of the one before, so points that arrive meanwhile are
    neither doubled nor make others disappear. An unknown key has no points.
    """
    if max_results is not None:
        check_size(max_results, MAX_HISTORY_PAGE)
    with db.reading() as session:
        points = history(session, find_run(session, run_id).id, key)
    start = _index_after(points, page_token) if page_token else 0
    stop = len(points) if max_results is None else min(start + max_results, len(points))
    items = _metrics(key, points.take(slice(start, stop)))
    return Page(items, _token(items[-1]) if items and stop < len(points) else None)


def sampled_histories(
    db: Database,
    run_ids: Sequence[str],
    key: str,
    *,
    first_step: int | None = None,
    last_step: int | None = None,
    max_results: int = MAX_SAMPLES,
) -> dict[str, tuple[Metric, ...]]:
    """Of each run at most ``max_results`` points, evenly spaced by rank, the first and last too."""
    _check_run_ids(run_ids, "run_ids")
    check_size(max_results, MAX_SAMPLES)
    if first_step is not None and last_step is not None and first_step > last_step:
        raise BadRequest(
            f"'end_step' must not be less than 'start_step': they are {last_step} and {first_step}."
        )
    found: dict[str, tuple[Metric, ...]] = {}
    window = Window(first_step, last_step)
    with db.reading() as session:
        for run_id in run_ids:
            points = history(session, find_run(session, run_id).id, key, window)
            points = points.take(np.argsort(points.steps, kind="stable"))
            if len(points) > max_results:
                ranks = np.linspace(0, len(points) - 1, max_results)
                points = points.take(np.unique(ranks.astype(np.intp)))
            found[run_id] = _metrics(key, points)
    return found


def joined_histories(
    db: Database, run_ids: Sequence[str], key: str, *, max_results: int = MAX_HISTORY_PAGE
) -> list[tuple[str, Metric]]:
    """The points of one run after the other, by run id; ``max_results`` in all."""
    _check_run_ids(run_ids, "run_id")
    if max_results < 1:
        raise BadRequest(
            f"Invalid value {max_results} for parameter 'max_results' supplied: "
            "it must be one or more."
        )
    left = min(max_results, MAX_HISTORY_PAGE)
    found: list[tuple[str, Metric]] = []
    with db.reading() as session:
        for run_id in sorted(set(run_ids)):
            points = history(session, find_run(session, run_id).id, key).take(slice(0, left))
            found += [(run_id, point) for point in _metrics(key, points)]
            left -= len(points)
    return found


def charts(
    db: Database,
    wanted: Sequence[Wanted],
    *,
    width: int,
    window: Window = ALL,
    banded: bool = False,
) -> list[ChartSeries]:
    """The series in the order asked for, each thinned to ``width`` pixels.

    What stays is points, or where ``banded`` means with the least and the greatest beside them.

    What does not exist, runs or keys, is an empty series: a page that draws a run which was just
    deleted has nothing to say about it.
    """
    if not 1 <= len(wanted) <= MAX_SERIES:
        raise BadRequest(
            "Invalid value for parameter 'series' supplied: "
            f"it must hold 1 to {MAX_SERIES} series, not {len(wanted)}."
        )
    if not 1 <= width <= MAX_WIDTH:
        raise BadRequest(
            f"Invalid value {width} for parameter 'width' supplied: "
            f"it must be between 1 and {MAX_WIDTH} pixels."
        )
    with db.reading() as session:
        # Counted first: points that arrive in between are read twice rather than never.
        received = _received(session, wanted)
        stale: dict[str, set[str]] = {}
        for each in wanted:
            if each.received != received.get((each.run_id, each.key), 0):
                stale.setdefault(each.run_id, set()).add(each.key)
        rows = session.execute(select(Run.run_id, Run.id).where(Run.run_id.in_(stale)))
        ids = {row: run_id for run_id, row in rows}
        read = read_runs(session, {row: stale[run_id] for row, run_id in ids.items()}, window)
        found = {ids[row]: columns for row, columns in read.items()}
    thin = band if banded else _points_of
    return [
        _drawn(each, received.get((each.run_id, each.key), 0), found, width, thin)
        for each in wanted
    ]


def _check_run_ids(run_ids: Sequence[str], field: str) -> None:
    if not 1 <= len(run_ids) <= MAX_SAMPLED_RUNS:
        raise BadRequest(
            f"Invalid value for parameter '{field}' supplied: it must hold 1 to {MAX_SAMPLED_RUNS} "
            f"run ids, not {len(run_ids)}."
        )


def _received(session: Session, wanted: Sequence[Wanted]) -> dict[tuple[str, str], int]:
    rows = session.execute(
        select(Run.run_id, MetricSummary.key, MetricSummary.points)
        .join(Run, Run.id == MetricSummary.run)
        .where(
            Run.run_id.in_({each.run_id for each in wanted}),
            MetricSummary.key.in_({each.key for each in wanted}),
        )
    )
    return {(run_id, key): points for run_id, key, points in rows}


def _drawn(
    wanted: Wanted,
    received: int,
    found: Mapping[str, Mapping[str, Columns]],
    width: int,
    thin: Callable[[Columns, int], Band],
) -> ChartSeries:
    if wanted.received == received:
        return ChartSeries(wanted.run_id, wanted.key, received, None)
    points = found.get(wanted.run_id, {}).get(wanted.key, EMPTY)
    return ChartSeries(wanted.run_id, wanted.key, received, thin(points, width), len(points))


def _points_of(points: Columns, width: int) -> Band:
    return Band(downsample(points, width))


def _metrics(key: str, points: Columns) -> tuple[Metric, ...]:
    columns = (points.values.tolist(), points.timestamps.tolist(), points.steps.tolist())
    return tuple(
        Metric(key, value, timestamp, step) for value, timestamp, step in zip(*columns, strict=True)
    )


def _token(last: Metric) -> str:
    packed = _POSITION.pack(last.timestamp, last.step, last.value)
    return urlsafe_b64encode(packed).decode()


def _index_after(points: Columns, page_token: str) -> int:
    try:
        timestamp, step, value = _POSITION.unpack(urlsafe_b64decode(page_token))
    except (ValueError, struct.error):
        raise BadRequest(
            "Invalid page token, could not decode 'page_token': send the next_page_token of the "
            "page before, unchanged."
        ) from None
    times, steps, values = points.timestamps, points.steps, points.values
    greater = (values > value) | (np.isnan(values) & (value == value))  # noqa: PLR0124  (not NaN)
    behind = (times > timestamp) | (
        (times == timestamp) & ((steps > step) | ((steps == step) & greater))
    )
    return int(np.argmax(behind)) if behind.any() else len(points)
