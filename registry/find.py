"""Finding things by what they are called: experiments, runs and models at once, for who looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podium.client.entities import Experiment, LifecycleStage, RegisteredModel, RunStatus
from podium.tracker import experiments
from podium.tracker.db import Database
from podium.tracker.models import Experiment as ExperimentRow
from podium.tracker.models import Run
from podium.tracker.search import containing
from sqlalchemy import or_, select

from . import registered

_MAX_TEXT = 200
_SHORTEST_ID = 6


@dataclass(frozen=True, slots=True)
class FoundRun:
    run_id: str
    name: str
    status: RunStatus
    start_time: int
    experiment: str


@dataclass(frozen=True, slots=True)
class Found:
    """Of each kind the first: experiments and runs newest first, models by name."""

    experiments: Sequence[Experiment] = ()
    runs: Sequence[FoundRun] = ()
    models: Sequence[RegisteredModel] = ()


def find(db: Database, text: str, *, limit: int = 8) -> Found:
    """What has ``text`` in its name, whatever the case, or in the case of runs begins its id.

    What the caller may not see does not exist; what is deleted is not found.
    """
    text = text.strip()[:_MAX_TEXT]
    if not text:
        return Found()
    named = f"name ILIKE {containing(text)}"
    return Found(
        experiments.search_experiments(db, filter=named, max_results=limit).items,
        _runs(db, text, limit),
        registered.search_models(db, filter=named, max_results=limit).items,
    )


def _runs(db: Database, text: str, limit: int) -> list[FoundRun]:
    matches = [Run.name.icontains(text, autoescape=True)]
    if len(text) >= _SHORTEST_ID:
        matches.append(Run.run_id.startswith(text.lower(), autoescape=True))
    with db.reading() as session:
        rows = session.execute(
            select(Run.run_id, Run.name, Run.status, Run.start_time, ExperimentRow.name)
            .join(ExperimentRow, ExperimentRow.id == Run.experiment_id)
            .where(or_(*matches), Run.lifecycle_stage == LifecycleStage.ACTIVE)
            .order_by(Run.start_time.desc(), Run.id.desc())
            .limit(limit)
        )
        return [
            FoundRun(run_id, name, RunStatus(status), start, experiment)
            for run_id, name, status, start, experiment in rows
        ]
