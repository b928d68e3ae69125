"""The change itself: stages, history, audit, events and hooks, in the caller's transaction.

Everything before only asked whether; here is the one place where it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from podium.client.promotion import Transition, TransitionKind
from podium.tracker import audit
from sqlalchemy.orm import Session

from .. import events
from ..models import ModelVersion
from ..outbox import emit
from ..stages import Change, Stage, Stages, set_stage
from . import history
from .hooks import Decided, call_hooks
from .waking import wake_after


def promote(
    session: Session,
    version: ModelVersion,
    *,
    stages: Stages,
    target: Stage,
    archive: bool,
    comment: str,
    request: int | None = None,
    told: Mapping[str, Any] | None = None,
    reason: str | None = None,
) -> Decided:
    """Bring the version to the stage, and who is in it to the archive if it is to ``archive``.

    ``told`` is what else the audit log is to say.
    """
    name = version.registered.name
    changes = _set_stage(session, version, stages, target.name, archive=archive)
    entered, *left = changes
    # Those who leave come first, so that at no point in the history two hold the stage.
    gone = tuple(
        _note(session, each, TransitionKind.REPLACED, comment="", request=request) for each in left
    )
    came = _note(session, entered, TransitionKind.MOVED, comment=comment, request=request)
    audit.record(
        session,
        "version.promote",
        f"model:{name}/{version.version}",
        before={"stage": entered.before},
        after={
            "stage": entered.after,
            "archived": [each.version for each in gone],
            "digest": came.digest,
            "request": request,
            **(told or {}),
        },
        reason=reason or comment or None,
    )
    _emit_moves(session, name, (*gone, came))
    wake_after(session, version.model, (*gone, came))
    decided = Decided(name, target.name, came, gone)
    call_hooks(session, decided)
    return decided


def roll_back(
    session: Session,
    taken: ModelVersion | None,
    back: ModelVersion,
    *,
    stages: Stages,
    stage: str,
    comment: str,
) -> Decided:
    """Let ``back`` have the stage again in place of ``taken``."""
    name = back.registered.name
    gone: tuple[Transition, ...] = ()
    if taken is not None:
        [change] = _set_stage(session, taken, stages, stages.archive, archive=False)
        gone = (_note(session, change, TransitionKind.TAKEN_BACK, comment=comment),)
    came = None
    before = back.stage
    if before != stage:
        [change] = _set_stage(session, back, stages, stage, archive=False)
        came = _note(session, change, TransitionKind.ROLLED_BACK, comment=comment)
    audit.record(
        session,
        "version.roll_back",
        f"model:{name}/{back.version}",
        before={"stage": before, "holder": None if taken is None else taken.version},
        after={"stage": stage, "digest": back.digest or ""},
        reason=comment or None,
    )
    steps = gone if came is None else (*gone, came)
    _emit_moves(session, name, steps)
    emit(
        session,
        events.model_version_rolled_back(
            name=name,
            version=back.version,
            from_version=None if taken is None else taken.version,
            to_stage=stage,
            comment=comment,
        ),
    )
    wake_after(session, back.model, steps)
    decided = Decided(name, stage, came, gone)
    call_hooks(session, decided)
    return decided


def _set_stage(
    session: Session, version: ModelVersion, stages: Stages, after: str, *, archive: bool
) -> tuple[Change, ...]:
    """By the registry's one function for it. Which ways there are has been asked already, and a
    version may be in a stage that the set has lost.
    """
    every = frozenset((*stages.table, version.stage))
    open_ways = {
        each.name: Stage(each.name, every, held=each.held, exclusive=each.exclusive)
        for each in stages.table.values()
    }
    return set_stage(
        session,
        name=version.registered.name,
        version=version.version,
        stage=after,
        archive_existing=archive,
        stages=Stages(open_ways, first=stages.first, archive=stages.archive),
    )


def _note(
    session: Session,
    change: Change,
    kind: TransitionKind,
    *,
    comment: str,
    request: int | None = None,
) -> Transition:
    return history.write(
        session,
        change.version,
        kind,
        before=change.before,
        after=change.after,
        comment=comment,
        request=request,
    )


def _emit_moves(session: Session, name: str, moves: Iterable[Transition]) -> None:
    for each in moves:
        emit(
            session,
            events.model_version_transitioned_stage(
                name=name,
                version=each.version,
                from_stage=each.before,
                to_stage=each.after,
                comment=each.comment,
            ),
        )
