"""Stopping what is under way, and ending a sweep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from podium.client.entities import RunStatus
from podium.client.errors import PodiumError
from podium.client.sweeps import SweepState, TrialState
from podium.tracker import runs
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..launches.tables import LaunchRow
from ..launches.write import ask_to_stop
from . import leases
from .read import best_of
from .tables import SweepTrialRow
from .verdict import Verdict

if TYPE_CHECKING:
    from .turn import Turn

_ENDED = {
    SweepState.SUCCEEDED: RunStatus.FINISHED,
    SweepState.STOPPED: RunStatus.KILLED,
    SweepState.FAILED: RunStatus.FAILED,
}


def stop(turn: Turn, reason: str) -> None:
    with turn.db.reading() as session:
        waiting = turn.in_state(session, TrialState.WAITING)
        running = turn.in_state(session, TrialState.RUNNING)
    for trial in waiting:
        close(turn, trial, TrialState.STOPPED, reason)
    if running:
        with turn.db.writing() as session:
            leases.held(session, turn.lease)
            for trial in running:
                stop_launch(session, trial, reason)
        turn.step("stopped")


def close(turn: Turn, trial: SweepTrialRow, state: TrialState, message: str) -> None:
    """One that was never launched, and its run if there is one."""
    status = RunStatus.FAILED if state is TrialState.FAILED else RunStatus.KILLED
    _end_run(turn, trial.run_id, status)
    with turn.db.writing() as session:
        leases.held(session, turn.lease)
        current = session.get_one(SweepTrialRow, trial.id, with_for_update=True)
        current.state, current.message, current.ended = state, message, turn.clock()
    turn.step("closed")


def end(turn: Turn, verdict: Verdict) -> None:
    assert verdict.over is not None  # noqa: S101
    _tell_parent(turn)
    _end_run(turn, turn.row.run_id, _ENDED[verdict.over])
    with turn.db.writing() as session:
        row = leases.held(session, turn.lease)
        row.state, row.message, row.problem = verdict.over, verdict.message, ""
        row.ended = turn.clock()
    turn.step("ended")


def stop_launch(session: Session, trial: SweepTrialRow, reason: str) -> None:
    launch = session.scalar(
        select(LaunchRow)
        .where(LaunchRow.launch_id == trial.launch_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if launch is not None:
        ask_to_stop(session, launch, reason)


def _tell_parent(turn: Turn) -> None:
    """Its params are the best trial's, and a tag says which that is."""
    with turn.db.reading() as session:
        best = best_of(session, turn.row, turn.sweep.goal)
    if best is None:
        return
    params = [(f"best.{name}", str(each)) for name, each in json.loads(best.params).items()]
    tags = [("podium.best_run", best.run_id), ("podium.best_trial", str(best.number))]
    try:
        runs.log_batch(turn.db, turn.row.run_id, params=params, tags=tags)
    except PodiumError as error:
        if error.retryable:
            raise
    turn.step("parent told")


def _end_run(turn: Turn, run_id: str, status: RunStatus) -> None:
    """One that somebody has deleted needs no end."""
    try:
        runs.update_run(turn.db, run_id, status=status, end_time=turn.clock())
    except PodiumError as error:
        if error.retryable:
            raise
