"""Runs belong to the tracker; that one has ended the registry tells to whoever wants to know.

Requests that wait for a run's metrics are among those.
"""

from __future__ import annotations

from podium.client.entities import RunStatus
from podium.tracker.models import Run
from podium.tracker.runs import states
from sqlalchemy.orm import Session

from .events import run_state_changed
from .outbox import emit
from .promotion.waking import wake_run


def listen() -> None:
    states.on_change(_tell)


def _tell(session: Session, run: Run, before: RunStatus) -> None:
    told = run_state_changed(
        run_id=run.run_id,
        run_name=run.name,
        experiment_id=str(run.experiment_id),
        from_status=before,
        to_status=run.status,
    )
    emit(session, told)
    wake_run(session, run.run_id)
