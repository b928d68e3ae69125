"""One change of many runs: of all of them or, when one is refused, of none."""

from __future__ import annotations

from collections.abc import Sequence

from podium.client.entities import LifecycleStage
from podium.client.errors import BadRequest, NotFound
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import Database
from ..models import Run
from .lifecycle import move
from .log import NAME_TAG, checked_tags, set_tags

MAX_RUNS = 1000


def delete_runs(db: Database, run_ids: Sequence[str]) -> int:
    """Soft, as :func:`delete_run`; how many there were."""
    return _move(db, run_ids, LifecycleStage.DELETED)


def restore_runs(db: Database, run_ids: Sequence[str]) -> int:
    return _move(db, run_ids, LifecycleStage.ACTIVE)


def tag_runs(db: Database, run_ids: Sequence[str], key: str, value: str) -> int:
    """Set one tag; a run's name, which is a tag too, is not for many at once."""
    tags = checked_tags([(key, value)])
    if key == NAME_TAG:
        raise BadRequest(f"'key' is {NAME_TAG}: runs are renamed one by one.")
    with db.writing() as session:
        runs = _locked(session, run_ids)
        for run in runs:
            if run.lifecycle_stage != LifecycleStage.ACTIVE:
                raise BadRequest(f"The run {run.run_id} is deleted: restore it first.")
            set_tags(session, run, tags)
        return len(runs)


def _move(db: Database, run_ids: Sequence[str], stage: LifecycleStage) -> int:
    with db.writing() as session:
        runs = _locked(session, run_ids)
        for run in runs:
            move(session, run, stage)
        return len(runs)


def _locked(session: Session, run_ids: Sequence[str]) -> list[Run]:
    """The runs, locked in the order of their numbers, so that two of these cannot deadlock."""
    wanted = set(run_ids)
    if not 1 <= len(wanted) <= MAX_RUNS:
        raise BadRequest(f"'run' is there {len(wanted)} times: choose 1 to {MAX_RUNS} runs.")
    found = list(
        session.scalars(
            select(Run).where(Run.run_id.in_(wanted)).order_by(Run.id).with_for_update()
        )
    )
    if lost := wanted - {run.run_id for run in found}:
        raise NotFound(f"Run with id={min(lost)} not found")
    return found
