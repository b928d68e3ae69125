"""Taking a promotion back: the stage goes to who had it before, at once.

It needs no approval and passes no gate, since that version has held the stage already, with these
files; and no freeze stops it.
"""

from __future__ import annotations

from dataclasses import dataclass

from podium.client.errors import Conflict
from podium.client.promotion import Transition
from podium.client.rules import check_text
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database
from sqlalchemy.orm import Session

from ..inspection.replaced import replaced
from ..models import ModelVersion, RegisteredModel
from ..read import find_model, find_version, versions
from . import carry_out
from .closing import settle_by
from .history import previous_holder, steps_of
from .hooks import Decided
from .locks import hold_rules
from .policies import policy_of
from .refusals import looking, recorded
from .requests import MAX_COMMENT
from .rights import lacks, require
from .situation import refuse_replaced
from .stage_sets import stages_of


def roll_back(
    db: Database,
    *,
    name: str,
    stage: str,
    comment: str = "",
    version: str | int | None = None,
) -> Decided:
    """Let the previous holder have the stage again; the present one goes to the archive.

    ``version`` is the one to take back: if another holds the stage by now nothing is done, so that
    to ask twice does not go back two steps.
    """
    check_text(comment, "comment", limit=MAX_COMMENT)
    with looking(db) as session:
        subject = f"model:{find_model(session, name).name}"
        if version is not None:
            find_version(session, name, version)
    with recorded(db, "version.roll_back", subject), db.writing() as session:
        hold_rules(session)
        model = find_model(session, name, change=True)
        stages = stages_of(session, model.name)
        target = stages.named(stage)
        require(session, model, _role_for(session, model, target.name), "to roll back")
        taken, back = _two(session, model, target.name, version)
        decided = carry_out.roll_back(
            session, taken, back, stages=stages, stage=target.name, comment=comment
        )
        settle_by(session, back, target.name, "A rollback has brought the version there.")
        return decided


@dataclass(frozen=True, slots=True)
class Undo:
    """What a rollback of a stage would do: of its ``holders`` ``taken`` leaves, ``back`` returns.

    ``refused`` says why the caller cannot have it.
    """

    stage: str
    holders: tuple[int, ...]
    taken: int | None = None
    back: int | None = None
    refused: str = ""


def undos(db: Database, name: str) -> list[Undo]:
    """One for each stage that versions come to, in the order of the stages."""
    with db.reading() as session:
        model = find_model(session, name)
        stages = stages_of(session, model.name)
        return [
            _undo(session, model, stage)
            for stage in stages.table
            if stage not in (stages.first, stages.archive)
        ]


def _undo(session: Session, model: RegisteredModel, stage: str) -> Undo:
    holders = tuple(sorted(_there(session, model, stage)))
    try:
        taken, back = _two(session, model, stage, None)
    except Conflict as none:
        return Undo(stage, holders, refused=none.message)
    refused = lacks(session, model, _role_for(session, model, stage), "to roll back")
    return Undo(stage, holders, None if taken is None else taken.version, back.version, refused)


def _role_for(session: Session, model: RegisteredModel, stage: str) -> Role:
    policy = policy_of(session, model.name, stage).policy
    return policy.approver if policy.approvals else Role.EDITOR


def _two(
    session: Session, model: RegisteredModel, stage: str, wanted: str | int | None
) -> tuple[ModelVersion | None, ModelVersion]:
    """Who leaves the stage, if anybody does, and who comes back."""
    there = _there(session, model, stage)
    steps = steps_of(session, model)
    holder = _last_come(steps, stage, there)
    if wanted is not None and (holder is None or str(holder) != str(wanted)):
        who = "nobody" if holder is None else f"version {holder}"
        raise Conflict(
            f"Version {wanted} of {model.name} is not what {stage} would lose: that is held by "
            f"{who}. Look again before you roll back."
        )
    came = previous_holder(steps, stage, holder)
    if came is None:
        raise Conflict(f"Nothing held {stage} of {model.name} before: there is no way back.")
    back = find_version(session, model.name, came.version)
    if came.digest and came.digest != (back.digest or ""):
        raise Conflict(
            f"Version {back.version} of {model.name} has other files than when it was in {stage}: "
            "promote it, if that is what you want."
        )
    refuse_replaced(back, replaced(session, back))
    return (None if holder is None else there[holder]), back


def _there(session: Session, model: RegisteredModel, stage: str) -> dict[int, ModelVersion]:
    wanted = versions().where(ModelVersion.model == model.id, ModelVersion.stage == stage)
    return {each.version: each for each in session.scalars(wanted)}


def _last_come(steps: list[Transition], stage: str, there: dict[int, ModelVersion]) -> int | None:
    """Of the versions in the stage, the one that came last."""
    for step in reversed(steps):
        if step.after == stage and step.version in there:
            return step.version
    return max(there, default=None)
