"""Telling the worker that requests which wait may be satisfied now, by what this transaction does.

What is forgotten here is found all the same, only later: each request is looked at again and again.
"""

from __future__ import annotations

from collections.abc import Iterable

from podium.client.promotion import Transition
from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.orm import Session

from ..models import ModelVersion
from .rights import as_system
from .tables import RequestRow


def wake_model(session: Session, model: int) -> None:
    """Something of a model, by its row's id, has changed; the caller holds the lock on it."""
    _wake(session, RequestRow.model == model)


def wake_after(session: Session, model: int, steps: Iterable[Transition]) -> None:
    """Versions of a model have moved; the caller holds the lock on it.

    That concerns who is to come to a stage that has other holders now, and who moved himself.
    """
    made = tuple(steps)
    moved = select(ModelVersion.id).where(
        ModelVersion.model == model, ModelVersion.version.in_([each.version for each in made])
    )
    stages = {stage for each in made for stage in (each.before, each.after)}
    _wake(
        session,
        RequestRow.model == model,
        RequestRow.stage.in_(stages) | RequestRow.version.in_(moved),
    )


def wake_all(session: Session) -> None:
    """The rules have changed."""
    _wake(session)


def wake_run(session: Session, run_id: str) -> None:
    """A run has changed. This waits for nobody: whoever logs has not come for promotions."""
    of_run = select(ModelVersion.id).where(ModelVersion.run_id == run_id)
    _wake(session, RequestRow.version.in_(of_run), wait=False)


def wake_version(session: Session, model: int, version: int) -> None:
    """Something that is told of a version has changed; this waits for nobody either."""
    of_version = select(ModelVersion.id).where(
        ModelVersion.model == model, ModelVersion.version == version
    )
    _wake(session, RequestRow.version.in_(of_version), wait=False)


def _wake(session: Session, *which: ColumnElement[bool], wait: bool = True) -> None:
    session.flush()  # what is made by the caller is made in his name
    with as_system():
        # In one order, so that of two who wake many neither waits for the other.
        found = session.scalars(
            select(RequestRow.id)
            .where(RequestRow.status == "WAITING", *which)
            .order_by(RequestRow.id)
            .with_for_update(skip_locked=not wait)
        ).all()
        if found:
            # Another value each time: who is looking just now notices that something has come.
            soonest = case((RequestRow.next_look < 0, RequestRow.next_look), else_=0) - 1
            session.execute(
                update(RequestRow)
                .where(RequestRow.id.in_(found))
                .values(next_look=soonest)
                .execution_options(synchronize_session=False)
            )
