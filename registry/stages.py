"""Stages: which there are, what may follow what, and the one function that changes a version's.

Whoever wants a say in it (policies, approvals) has it before calling :func:`set_stage`, in the same
transaction; whoever wants to tell of it (events) does so with the changes it returns. The audit log
has them in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podium.client.errors import BadRequest
from podium.client.rules import shown
from podium.tracker import audit
from podium.tracker.clock import now_ms
from sqlalchemy.orm import Session

from .models import ModelVersion
from .read import find_version, subject, versions

NONE, STAGING, PRODUCTION, ARCHIVED = "None", "Staging", "Production", "Archived"


@dataclass(frozen=True, slots=True)
class Stage:
    """``follows`` are the stages from which a version may come here.

    ``held`` says that versions hold it, so that a newcomer may send the holders to the archive;
    ``exclusive``, that it always does.
    """

    name: str
    follows: frozenset[str]
    held: bool = False
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Stages:
    """A stage machine as a table. ``archive`` is where former holders go."""

    table: Mapping[str, Stage]
    first: str = NONE
    archive: str = ARCHIVED

    def named(self, text: str) -> Stage:
        """The stage of this name, written in capitals or not."""
        for name, stage in self.table.items():
            if name.lower() == text.lower():
                return stage
        raise BadRequest(
            f"Invalid Model Version stage: {shown(text)[1:-1]}. "
            f"Value must be one of {', '.join(self.table)}."
        )

    def check(self, before: str, after: Stage) -> None:
        """Refuse a way that the table does not have; to stay where one is is none."""
        if before != after.name and before not in after.follows:
            raise BadRequest(
                f"A version in stage {before} cannot go to {after.name}: it must come from "
                f"{' or '.join(sorted(after.follows))}."
            )


def _canonical() -> Stages:
    """MLflow's four, with every way between them."""
    every = frozenset((NONE, STAGING, PRODUCTION, ARCHIVED))
    held = (STAGING, PRODUCTION)
    names = (NONE, STAGING, PRODUCTION, ARCHIVED)
    return Stages({name: Stage(name, every - {name}, held=name in held) for name in names})


CANONICAL = _canonical()


@dataclass(frozen=True, slots=True)
class Change:
    """A version's way from one stage to another; ``version`` is the row, changed already."""

    version: ModelVersion
    before: str
    after: str


def set_stage(
    session: Session,
    *,
    name: str,
    version: str | int,
    stage: str,
    archive_existing: bool = False,
    stages: Stages = CANONICAL,
) -> tuple[Change, ...]:
    """Move a version to a stage; with ``archive_existing``, its holders to the archive.

    Everything happens in the caller's transaction, with the model locked until its end: of two
    callers, the second sees what the first did. The first change is that of the version itself,
    also when it is in that stage already.
    """
    target = stages.named(stage)
    if archive_existing and not target.held:
        held = [each.name for each in stages.table.values() if each.held]
        raise BadRequest(
            "Model version transition cannot archive existing model versions because "
            f"'{target.name}' is not an Active stage. Valid stages are {held}"
        )
    moved = find_version(session, name, version, change=True)
    stages.check(moved.stage, target)
    changes = [_move(moved, target.name)]
    if archive_existing:
        holders = versions().where(
            ModelVersion.model == moved.model,
            ModelVersion.stage == target.name,
            ModelVersion.id != moved.id,
        )
        for holder in session.scalars(holders.order_by(ModelVersion.version)).unique():
            changes.append(_move(holder, stages.archive))
    now = now_ms()
    moved.registered.last_update_time = now
    for change in changes:
        change.version.last_update_time = now
        if change.before != change.after:
            _record(session, change)
    session.flush()
    return tuple(changes)


def _record(session: Session, change: Change) -> None:
    audit.record(
        session,
        "version.stage",
        subject(change.version.registered.name, change.version.version),
        before={"stage": change.before},
        after={"stage": change.after, "digest": change.version.digest},
    )


def _move(version: ModelVersion, after: str) -> Change:
    before = version.stage
    version.stage = after
    return Change(version, before, after)
