"""One turn over one sweep: what has ended is written down, what is to come begins.

Level-triggered: each turn begins from the rows, never from what an earlier turn meant to do, so it
may be cut short anywhere. A trial is a row first, with its values and the ids of the run and launch
that it is to have; then that run is made; then the launch is added, in the transaction that calls
the trial running. Whoever does the same again finds the run, and no second launch of that id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from podium.client.sweeps import TrialState
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..launch.spec import Sweep
from ..webhooks.steps import Step, no_step
from . import leases, prune
from .begin import ask, launch
from .close import end, stop, stop_launch
from .leases import Lease
from .outcome import PRUNED, curves, outcomes, summaries, written
from .read import best_of, counts_of, section_of, version_of
from .space import Json
from .tables import SweepRow, SweepTrialRow
from .verdict import Standing, judge

_COMPARE_MS = 5_000


@dataclass(slots=True)
class Memory:
    """What a worker knows between its turns; it may forget it. ``points``: of each run, how many
    there were when its trial was compared last."""

    compared: int = 0
    points: dict[str, int] = field(default_factory=dict)


@dataclass
class Turn:
    db: Database
    lease: Lease
    memory: Memory
    clock: Callable[[], int] = now_ms
    step: Step = no_step

    def take(self) -> None:
        """:class:`.leases.LeaseLost` when it took too long; a sweep that cannot go on raises."""
        self._settle()
        if self.sweep.pruner is not None and self.clock() >= self.memory.compared + _COMPARE_MS:
            self._prune()
        now = self._standing()
        found = judge(self.sweep, now)
        if found.stop:
            stop(self, found.stop)
        else:
            if found.ask:
                ask(self, found.ask)
            launch(self)
        if found.over is not None and not now.under_way:
            end(self, found)

    @cached_property
    def row(self) -> SweepRow:
        """As it was when the turn began; what changes of it is read again under its lock."""
        with self.db.reading() as session:
            return session.get_one(SweepRow, self.lease.sweep)

    @cached_property
    def sweep(self) -> Sweep:
        return section_of(self.row)

    @cached_property
    def spec(self) -> Json:
        found: Json = json.loads(self.row.spec)
        return found

    def _settle(self) -> None:
        with self.db.reading() as session:
            found = outcomes(session, self.sweep, self.row.id)
        if not found:
            return
        with self.db.writing() as session:
            leases.held(session, self.lease)
            for each in found:
                trial = session.get_one(SweepTrialRow, each.trial, with_for_update=True)
                trial.state, trial.value, trial.step = each.state, each.value, each.step
                trial.message, trial.curve = each.message, written(each.curve)
                trial.ended = self.clock()
        self.step("settled")

    def _prune(self) -> None:
        """Stop what is behind, of the trials whose metric has gone on since the last look."""
        pruner, sweep = self.sweep.pruner, self.sweep
        assert pruner is not None  # noqa: S101
        self.memory.compared = self.clock()
        with self.db.reading() as session:
            running = self.in_state(session, TrialState.RUNNING)
            seen = summaries(session, sweep.metric, [each.run_id for each in running])
            points = {run_id: each.points for run_id, each in seen.items()}
            fresh = [run for run, count in points.items() if self.memory.points.get(run) != count]
            complete = self.in_state(session, TrialState.COMPLETE) if fresh else ()
            if len(complete) < pruner.min_trials:
                return
            mine = curves(session, sweep, fresh)
        self.memory.points = points
        others = [[(step, best) for step, best in json.loads(each.curve)] for each in complete]
        for trial in running:
            behind = prune.verdict(
                pruner, sweep.goal, mine.get(trial.run_id, ()), others, metric=sweep.metric
            )
            if behind:
                with self.db.writing() as session:
                    leases.held(session, self.lease)
                    session.get_one(SweepTrialRow, trial.id, with_for_update=True).message = behind
                    stop_launch(session, trial, PRUNED)
                self.step("pruned")

    def _standing(self) -> Standing:
        with self.db.reading() as session:
            row = session.get_one(SweepRow, self.row.id)
            counts = counts_of(session, row)
            best = best_of(session, row, self.sweep.goal)
            return Standing(
                counts,
                best=None if best is None else best.value,
                wanted=row.desired == "RUN",
                orphaned=row.version is not None and version_of(session, row) is None,
                last_failure=_last_failure(session, row) if counts.get(TrialState.FAILED) else "",
            )

    def in_state(self, session: Session, state: TrialState) -> Sequence[SweepTrialRow]:
        return session.scalars(
            select(SweepTrialRow)
            .where(SweepTrialRow.sweep == self.row.id, SweepTrialRow.state == state)
            .order_by(SweepTrialRow.number)
        ).all()


def _last_failure(session: Session, row: SweepRow) -> str:
    last = session.scalars(
        select(SweepTrialRow)
        .where(SweepTrialRow.sweep == row.id, SweepTrialRow.state == TrialState.FAILED)
        .order_by(SweepTrialRow.ended.desc(), SweepTrialRow.number.desc())
        .limit(1)
    ).one()
    return f"trial {last.number}: {last.message}"
