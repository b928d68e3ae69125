"""What has become of the trials whose launches have ended, read from their launches and runs."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from podium.client.launches import LaunchState
from podium.client.sweeps import TrialState
from podium.tracker.metrics import Columns, read_runs
from podium.tracker.metrics.tables import MetricSummary
from podium.tracker.models import Run
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ..launch.spec import Sweep
from ..launches.tables import LaunchRow
from .prune import Curve, curve
from .tables import SweepTrialRow

PRUNED = "Pruned"
"""Why a launch was stopped: the stop reason of a trial that was behind."""


@dataclass(frozen=True, slots=True)
class Outcome:
    trial: int
    state: TrialState
    value: float | None = None
    step: int | None = None
    message: str = ""
    curve: Curve = ()


def outcomes(session: Session, sweep: Sweep, row: int) -> list[Outcome]:
    """Of the sweep with the id ``row``; those that nothing is known of yet are left out."""
    ended = session.execute(
        select(SweepTrialRow, LaunchRow)
        .outerjoin(LaunchRow, LaunchRow.launch_id == SweepTrialRow.launch_id)
        .where(
            SweepTrialRow.sweep == row,
            SweepTrialRow.state == TrialState.RUNNING,
            or_(LaunchRow.id.is_(None), LaunchRow.ended.is_not(None)),
        )
        .order_by(SweepTrialRow.number)
    ).all()
    seen = summaries(session, sweep.metric, [trial.run_id for trial, _ in ended])
    done = [trial.run_id for trial, launch in ended if launch and launch.state == "SUCCEEDED"]
    drawn = curves(session, sweep, done) if sweep.pruner else {}
    return [
        found
        for trial, launch in ended
        if (found := _outcome(sweep, trial, launch, seen.get(trial.run_id), drawn)) is not None
    ]


def summaries(session: Session, metric: str, run_ids: Collection[str]) -> dict[str, MetricSummary]:
    """By run, what the metric's points come to; without those that have none."""
    rows = session.execute(
        select(Run.run_id, MetricSummary)
        .join(MetricSummary, MetricSummary.run == Run.id)
        .where(Run.run_id.in_(run_ids), MetricSummary.key == metric)
    )
    return dict(rows.all())


def curves(session: Session, sweep: Sweep, run_ids: Collection[str]) -> dict[str, Curve]:
    """By run, the best value by each step. The session must see one state throughout."""
    known = session.execute(select(Run.id, Run.run_id).where(Run.run_id.in_(run_ids)))
    names = dict(known.all())
    found = read_runs(session, dict.fromkeys(names, (sweep.metric,)))
    return {names[run]: _curve(series[sweep.metric], sweep.goal) for run, series in found.items()}


def written(found: Curve) -> str:
    return json.dumps(found)


def _curve(points: Columns, goal: str) -> Curve:
    return curve(points.steps, points.values, goal=goal)


def _outcome(
    sweep: Sweep,
    trial: SweepTrialRow,
    launch: LaunchRow | None,
    summary: MetricSummary | None,
    drawn: dict[str, Curve],
) -> Outcome | None:
    if launch is None:
        return Outcome(trial.id, TrialState.FAILED, message="Its launch is not there any more.")
    step = None if summary is None else summary.last_step
    value = None if summary is None else _value(sweep, summary)
    if launch.state == LaunchState.STOPPED:
        pruned = launch.reason == PRUNED
        state = TrialState.PRUNED if pruned else TrialState.STOPPED
        return Outcome(trial.id, state, value, step, trial.message if pruned else launch.reason)
    if launch.state != LaunchState.SUCCEEDED:
        return Outcome(trial.id, TrialState.FAILED, value, step, " ".join(_why(launch)))
    if value is not None:
        return Outcome(
            trial.id, TrialState.COMPLETE, value, step, curve=drawn.get(trial.run_id, ())
        )
    if summary is None and not launch.closed:
        return None  # points may be on their way yet
    message = f"The {sweep.value} value of {sweep.metric!r} is no finite number."
    if summary is None:
        message = f"Its run has no metric {sweep.metric!r}: the code is to log it."
    return Outcome(trial.id, TrialState.FAILED, None, step, message)


def _value(sweep: Sweep, summary: MetricSummary) -> float | None:
    """None for what no sampler could learn from: NaN (NULL there) and the infinities."""
    found = {
        "last": summary.last_value,
        "min": summary.min_value,
        "max": summary.max_value,
    }[sweep.value]
    return found if found is not None and math.isfinite(found) else None


def _why(launch: LaunchRow) -> Iterator[str]:
    """One sentence, and its fix, where there was a diagnosis."""
    if launch.diagnosis:
        said = json.loads(launch.diagnosis)
        yield from (each for each in (said["sentence"], said["fix"]) if each)
    else:
        yield launch.message or launch.reason or "It failed."
