"""How much an experiment or a user may store, and the refusal before the bytes are taken.

Quotas are over files and points together, but only files are refused: points cost little, and a
training must not lose what it has measured. What counts is the last count, and every upload that
was let in since; an upload of unknown size is let in until the quota is used up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from podium.client.errors import BadRequest, NotFound, QuotaExceeded
from podium.client.rules import check_text
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from .. import audit
from ..artifacts.paths import ArtifactPath
from ..auth.caller import caller
from ..clock import now_ms
from ..db import Database
from ..experiments import find_experiment
from ..logged_models.tables import LoggedModel
from ..models import Run
from .count import EXPERIMENT, USER
from .places import RUN, owner_of
from .tables import Promise, Quota, StorageTotal

EVERYBODY = "*"
KINDS = (EXPERIMENT, USER)
_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@dataclass(frozen=True, slots=True)
class Limit:
    """``kind`` is ``experiment`` or ``user``; ``name`` an id or a name, or ``*`` for all others."""

    kind: str
    name: str
    bytes: int
    author: str
    created: int


def set_quota(db: Database, kind: str, name: str, *, size: int) -> Limit:
    """Let an experiment (by id) or a user store ``size`` bytes; ``*``: each that has no own one."""
    _check(kind, name)
    if not 0 <= size < 2**63:
        raise BadRequest("'bytes' must be a whole number of bytes, zero or more.")
    with db.writing() as session:
        if kind == EXPERIMENT and name != EVERYBODY:
            find_experiment(session, name)
        row = session.get(Quota, (kind, name))
        before = None if row is None else {"bytes": row.bytes}
        if row is None:
            row = Quota(kind=kind, name=name)
            session.add(row)
        row.bytes, row.author, row.created = size, caller().name, now_ms()
        audit.record(
            session, "quota.set", f"{kind}:{name}", before=before, after={"bytes": row.bytes}
        )
        return _limit(row)


def delete_quota(db: Database, kind: str, name: str) -> None:
    _check(kind, name)
    with db.writing() as session:
        row = session.get(Quota, (kind, name))
        if row is None:
            raise NotFound(f"There is no quota for {kind} {name!r}.")
        session.delete(row)
        audit.record(session, "quota.delete", f"{kind}:{name}", before={"bytes": row.bytes})


def list_quotas(db: Database) -> list[Limit]:
    with db.reading() as session:
        rows = session.scalars(select(Quota).order_by(Quota.kind, Quota.name))
        return [_limit(row) for row in rows]


def admit(db: Database, place: ArtifactPath, size: int | None) -> None:
    """Let an upload of ``size`` bytes in; :class:`QuotaExceeded` says what is used of how much.

    What is in no run's or logged model's folder is nobody's, so no quota holds for it.
    """
    with db.reading() as session:
        if session.scalar(select(Quota.kind).limit(1)) is None:
            return  # as nearly everywhere: nobody's upload asks for more
        held = [pair for pair in _whose(session, place) if _quota_of(session, pair) is not None]
        if not size:
            _refuse_what_is_over(session, held, size)
    if not held or not size:
        return
    with db.writing() as session:
        # Those that come at once are let in one after the other, and each counts those before it.
        quotas = select(Quota.kind).where(or_(*[_quotas_for(pair) for pair in held]))
        session.execute(quotas.order_by(Quota.kind, Quota.name).with_for_update())
        _refuse_what_is_over(session, held, size)
        session.add_all(
            Promise(kind=kind, name=name, bytes=size, at=now_ms()) for kind, name in held
        )


def used(db: Database, kind: str, name: str) -> int:
    """Bytes, of the last count and what was let in since."""
    with db.reading() as session:
        return _used(session, kind, name)


def told(size: int) -> str:
    """A size as people say it."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _refusal(kind: str, name: str, used: int, limit: int, size: int | None) -> str:
    whose = f"Experiment {name}" if kind == EXPERIMENT else f"The user {name!r}"
    wanted = f", and this file has {told(size)}" if size else ""
    return (
        f"{whose} has used {told(used)} of its quota of {told(limit)}{wanted}. Delete runs or "
        "files that are not needed any more, or ask an admin for a larger quota. What was logged "
        "is kept."
    )


def _refuse_what_is_over(
    session: Session, held: Sequence[tuple[str, str]], size: int | None
) -> None:
    for kind, name in held:
        limit, used = _quota_of(session, (kind, name)), _used(session, kind, name)
        if limit is not None and (used + (size or 0) > limit or used >= limit):
            raise QuotaExceeded(_refusal(kind, name, used, limit, size))


def _quota_of(session: Session, pair: tuple[str, str]) -> int | None:
    found = session.execute(select(Quota.name, Quota.bytes).where(_quotas_for(pair)))
    limits = {row.name: row.bytes for row in found}
    return limits.get(pair[1], limits.get(EVERYBODY))


def _quotas_for(pair: tuple[str, str]) -> ColumnElement[bool]:
    """Its own, and the one for all that have none."""
    kind, name = pair
    return and_(Quota.kind == kind, Quota.name.in_([name, EVERYBODY]))


def _whose(session: Session, place: ArtifactPath) -> list[tuple[str, str]]:
    owner = owner_of(f"{place}/x")
    if owner is None:
        return []
    if owner.kind == RUN:
        columns = select(Run.experiment_id, Run.user_id).where(Run.run_id == owner.id)
    else:
        columns = (
            select(LoggedModel.experiment_id, func.coalesce(Run.user_id, ""))
            .outerjoin(Run, Run.run_id == LoggedModel.source_run_id)
            .where(LoggedModel.model_id == owner.id)
        )
    row = session.execute(columns).first()
    return [] if row is None else [(EXPERIMENT, str(row[0])), (USER, row[1][:500])]


def _used(session: Session, kind: str, name: str) -> int:
    total = select(StorageTotal.file_bytes + StorageTotal.point_bytes)
    counted = session.scalar(total.where(StorageTotal.kind == kind, StorageTotal.name == name))
    promised = select(func.coalesce(func.sum(Promise.bytes), 0))
    since = session.scalar(promised.where(Promise.kind == kind, Promise.name == name))
    return int(counted or 0) + int(since or 0)


def _check(kind: str, name: str) -> None:
    if kind not in KINDS:
        raise BadRequest(f"'kind' must be one of {', '.join(KINDS)}.")
    check_text(name, "name", limit=500)
    if not name:
        raise BadRequest(f"'name' is empty: give a name, or {EVERYBODY} for all without their own.")


def _limit(row: Quota) -> Limit:
    return Limit(row.kind, row.name, row.bytes, row.author, row.created)
