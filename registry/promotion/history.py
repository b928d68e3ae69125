"""Who held which stage when, read from the transitions.

What can be asked of a list of transitions is pure; the functions that take a database ask it of a
model's.
"""

from __future__ import annotations

from collections.abc import Iterable

from podium.client.entities import Page
from podium.client.promotion import Transition, TransitionKind
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.paging import cut, newest_first
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ..models import ModelVersion, RegisteredModel
from ..read import find_model, find_version
from .stage_sets import stages_of
from .tables import TransitionRow


def holders(steps: Iterable[Transition], stage: str) -> list[int]:
    """The versions in ``stage`` after these transitions, the one that came last at the end."""
    found: list[int] = []
    for step in steps:
        if step.before == stage and step.version in found:
            found.remove(step.version)
        if step.after == stage:
            found.append(step.version)
    return found


def previous_holder(
    steps: Iterable[Transition], stage: str, holder: int | None
) -> Transition | None:
    """Where a rollback leads: the transition by which the one before ``holder`` came to ``stage``.

    To roll back is to undo, so what was taken back is not come back to: after versions 1, 2, 3 the
    first rollback leads to 2 and the second to 1. Where nobody holds the stage, the last who did is
    meant. Deleted versions do not count.
    """
    trail: list[Transition] = []
    for step in steps:
        if step.after == stage:
            if step.kind == TransitionKind.ROLLED_BACK:
                while trail and trail[-1].version != step.version:
                    trail.pop()
                trail = trail[:-1]
            trail.append(step)
        elif step.kind == TransitionKind.DELETED:
            trail = [each for each in trail if each.version != step.version]
    while holder is not None and trail and trail[-1].version != holder:
        trail.pop()
    found = [each for each in trail if each.version != holder]
    return found[-1] if found else None


def list_transitions(
    db: Database,
    name: str,
    *,
    version: str | int | None = None,
    max_results: int = 100,
    page_token: str = "",
) -> Page[Transition]:
    """What has happened to a model's stages, or to one version's, the newest first."""
    with db.reading() as session:
        model = find_model(session, name)
        wanted = newest_first(_of(model), TransitionRow.id, max_results, page_token)
        if version is not None:
            wanted = wanted.where(TransitionRow.version == find_version(session, name, version).id)
        found, token = cut(_told(session, model, wanted), max_results)
    return Page(tuple(found), token)


def first_change(db: Database, name: str) -> int | None:
    """When a version first changed its stage, in ms."""
    with db.reading() as session:
        model = find_model(session, name)
        return session.scalar(
            select(func.min(TransitionRow.at)).where(TransitionRow.model == model.id)
        )


def holders_at(db: Database, name: str, stage: str, at: int) -> list[Transition]:
    """Who held the stage at that moment: the transitions by which they had come there."""
    with db.reading() as session:
        model = find_model(session, name)
        # A stage that a set has lost may be asked for too.
        names = {each.lower(): each for each in stages_of(session, name).table}
        stage = names.get(stage.lower(), stage)
        wanted = _of(model).where(TransitionRow.at <= at).order_by(TransitionRow.id)
        steps = _told(session, model, wanted)
    came = {step.version: step for step in steps if step.after == stage}
    return [came[version] for version in holders(steps, stage)]


def steps_of(session: Session, model: RegisteredModel) -> list[Transition]:
    """All of a model's transitions, the oldest first."""
    return _told(session, model, _of(model).order_by(TransitionRow.id))


def write(
    session: Session,
    version: ModelVersion,
    kind: TransitionKind,
    *,
    before: str,
    after: str,
    comment: str = "",
    request: int | None = None,
) -> Transition:
    """Note a change of stage, in its transaction, with the model locked."""
    last = session.scalar(
        select(TransitionRow.at)
        .where(TransitionRow.model == version.model)
        .order_by(TransitionRow.id.desc())
        .limit(1)
    )
    row = TransitionRow(
        model=version.model,
        version=version.id,
        before=before,
        after=after,
        kind=kind,
        actor=caller().name,
        # Servers' clocks differ; the history of a model goes forward all the same.
        at=max(now_ms(), last or 0),
        digest=version.digest or "",
        comment=comment,
        request=request,
    )
    session.add(row)
    session.flush()
    return _entity(row, version.registered.name, version.version)


def _of(model: RegisteredModel) -> Select[TransitionRow, int]:
    """A model's transitions with the number of the version each is of."""
    return (
        select(TransitionRow, ModelVersion.version)
        .join(ModelVersion, ModelVersion.id == TransitionRow.version)
        .where(TransitionRow.model == model.id)
    )


def _told(
    session: Session, model: RegisteredModel, wanted: Select[TransitionRow, int]
) -> list[Transition]:
    return [_entity(row, model.name, number) for row, number in session.execute(wanted)]


def _entity(row: TransitionRow, name: str, version: int) -> Transition:
    return Transition(
        id=row.id,
        name=name,
        version=version,
        before=row.before,
        after=row.after,
        kind=TransitionKind(row.kind),
        actor=row.actor,
        at=row.at,
        digest=row.digest,
        comment=row.comment,
        request=row.request,
    )
