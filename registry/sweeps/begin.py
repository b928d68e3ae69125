"""Bringing the next trials about: their values, their runs, their launches."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from podium.client.entities import RunStatus
from podium.client.errors import PodiumError
from podium.client.sweeps import TrialState
from podium.tracker import runs

from ..launches.write import add
from . import leases
from .close import close
from .read import trials_of, version_of
from .space import trial_spec
from .suggest import Told, suggest
from .tables import SweepTrialRow

if TYPE_CHECKING:
    from .turn import Turn

_PARENT = "mlflow.parentRunId"


def ask(turn: Turn, count: int) -> None:
    with turn.db.reading() as session:
        before = trials_of(session, turn.row)
    known = [
        Told(json.loads(each.params), TrialState(each.state), each.value, each.step)
        for each in before
    ]
    values = suggest(turn.sweep, turn.row.seed, known, count)
    turn.step("asked")
    if not before:
        _make_parent(turn)
    with turn.db.writing() as session:
        leases.held(session, turn.lease)
        for number, params in enumerate(values, len(before)):
            session.add(
                SweepTrialRow(
                    sweep=turn.row.id,
                    number=number,
                    params=json.dumps(params),
                    run_id=uuid.uuid4().hex,
                    launch_id=uuid.uuid4().hex,
                    created=turn.clock(),
                )
            )
    turn.step("written")


def _make_parent(turn: Turn) -> None:
    runs.create_run(
        turn.db,
        run_id=turn.row.run_id,
        experiment_id=turn.row.experiment_id,
        run_name=f"sweep {turn.row.name}",
        user_id=turn.row.author,
        tags={"podium.sweep": turn.row.sweep_id},
    )
    turn.step("parent made")


def launch(turn: Turn) -> None:
    """Those that wait for it."""
    with turn.db.reading() as session:
        waiting = turn.in_state(session, TrialState.WAITING)
    for trial in waiting:
        if turn.lease.is_due(turn.clock()):
            turn.lease = leases.extend(turn.db, turn.lease, turn.clock())
        try:
            _make_run(turn, trial)
        except PodiumError as error:
            if error.retryable:
                raise
            close(turn, trial, TrialState.FAILED, error.message)
            continue
        _add_launch(turn, trial)
        turn.step("launched")


def _make_run(turn: Turn, trial: SweepTrialRow) -> None:
    """The run that it is to log to, with its values as params: twice is once."""
    runs.create_run(
        turn.db,
        run_id=trial.run_id,
        experiment_id=turn.row.experiment_id,
        run_name=f"{turn.row.name} {trial.number}",
        user_id=turn.row.author,
        status=RunStatus.SCHEDULED,
        tags={
            _PARENT: turn.row.run_id,
            "podium.launch": trial.launch_id,
            "podium.sweep": turn.row.sweep_id,
            "podium.trial": str(trial.number),
        },
    )
    turn.step("run made")
    params = json.loads(trial.params).items()
    runs.log_batch(turn.db, trial.run_id, params=[(name, str(each)) for name, each in params])
    turn.step("params logged")


def _add_launch(turn: Turn, trial: SweepTrialRow) -> None:
    said = trial_spec(turn.spec, trial.number, json.loads(trial.params), trial.run_id)
    with turn.db.writing() as session:
        row = leases.held(session, turn.lease)
        current = session.get_one(SweepTrialRow, trial.id, with_for_update=True)
        if row.desired != "RUN" or current.state != TrialState.WAITING:
            return
        add(
            session,
            said,
            name=row.name,
            version=version_of(session, row),
            launch_id=trial.launch_id,
            author=row.author,
        )
        current.state = TrialState.RUNNING
