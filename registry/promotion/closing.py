"""How a request ends without a promotion: rejected, withdrawn, expired, or its version is gone."""

from __future__ import annotations

from podium.client.entities import LifecycleStage
from podium.client.errors import BadRequest, Conflict, PermissionDenied
from podium.client.promotion import Promotion, RequestStatus, Transition, TransitionKind
from podium.client.rules import check_text
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.auth.roles import Role
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from ..events import EventType
from ..models import ModelVersion, RegisteredModel
from ..read import find_model
from . import history
from .locks import hold_rules
from .notices import tell
from .policies import policy_of
from .read import find_request, promotions, requests
from .refusals import looking, recorded
from .rights import require, role_here
from .tables import RequestRow
from .waking import wake_model

MAX_REASON = 10_000
_CHUNK = 100

_EVENTS = {
    RequestStatus.REJECTED: EventType.TRANSITION_REQUEST_REJECTED,
    RequestStatus.WITHDRAWN: EventType.TRANSITION_REQUEST_WITHDRAWN,
    RequestStatus.EXPIRED: EventType.TRANSITION_REQUEST_EXPIRED,
}
_ACTIONS = {
    RequestStatus.REJECTED: "request.reject",
    RequestStatus.WITHDRAWN: "request.withdraw",
    RequestStatus.EXPIRED: "request.expire",
}


def reject(db: Database, *, name: str, request_id: int, reason: str) -> Promotion:
    """Whoever may approve a request may reject it; the requester himself withdraws it."""
    if not check_text(reason, "reason", limit=MAX_REASON).strip():
        raise BadRequest("'reason' is blank: say why the request is rejected.")
    with recorded(db, "request.reject", _subject(db, name, request_id)), db.writing() as session:
        row, version = _waiting(session, name, request_id)
        policy = policy_of(session, version.registered.name, row.stage).policy
        require(session, version.registered, policy.approver, "to reject")
        _close(session, row, version, RequestStatus.REJECTED, reason)
        return promotions(session, [row])[0]


def withdraw(db: Database, *, name: str, request_id: int, reason: str = "") -> Promotion:
    """Take back what one has asked for; an admin may take back anybody's."""
    check_text(reason, "reason", limit=MAX_REASON)
    with recorded(db, "request.withdraw", _subject(db, name, request_id)), db.writing() as session:
        row, version = _waiting(session, name, request_id)
        if row.requester != caller().name and role_here(session, version.registered) < Role.ADMIN:
            raise PermissionDenied(
                f"Request {request_id} is {row.requester}'s: only he or an admin withdraws it."
            )
        _close(session, row, version, RequestStatus.WITHDRAWN, reason)
        return promotions(session, [row])[0]


def expire_requests(db: Database) -> int:
    """Close what has waited too long; how many."""
    done = 0
    overdue = (
        select(RequestRow.id, RegisteredModel.name)
        .join(RegisteredModel, RegisteredModel.id == RequestRow.model)
        .where(RequestRow.status == RequestStatus.WAITING, RequestRow.expires <= now_ms())
        .order_by(RequestRow.id)
        .limit(_CHUNK)
    )
    with db.reading() as session:
        found = session.execute(overdue).all()
    for request_id, name in found:
        with db.writing() as session:
            # Another worker, or a promotion that came in between, may have been faster.
            model = session.scalar(
                select(RegisteredModel).where(RegisteredModel.name == name).with_for_update()
            )
            row = session.get(RequestRow, request_id, populate_existing=True)
            if model is None or row is None or row.status != RequestStatus.WAITING:
                continue
            _close(session, row, _version(session, row), RequestStatus.EXPIRED, "")
            done += 1
    return done


def close_overdue(session: Session, version: ModelVersion, stage: str, now: int) -> None:
    """Make room for a new request for this version and stage, with the model locked."""
    for row in session.scalars(
        requests().where(
            RequestRow.version == version.id,
            RequestRow.stage == stage,
            RequestRow.status == RequestStatus.WAITING,
            RequestRow.expires <= now,
        )
    ).all():
        _close(session, row, version, RequestStatus.EXPIRED, "")


def settle_by(session: Session, version: ModelVersion, stage: str, reason: str) -> None:
    """The version has come to the stage by another way: nothing is left to wait for."""
    for row in _all_waiting(session, version):
        if row.stage == stage:
            _close(session, row, version, RequestStatus.WITHDRAWN, reason)


def forget_version(session: Session, version: ModelVersion) -> Transition:
    """A version is deleted, in this transaction, with its model locked; it leaves its stage."""
    for row in _all_waiting(session, version):
        _close(session, row, version, RequestStatus.WITHDRAWN, "The version was deleted.")
    wake_model(session, version.model)
    return history.write(session, version, TransitionKind.DELETED, before=version.stage, after="")


def _all_waiting(session: Session, version: ModelVersion) -> list[RequestRow]:
    wanted = requests().where(
        RequestRow.version == version.id, RequestRow.status == RequestStatus.WAITING
    )
    return list(session.scalars(wanted.order_by(RequestRow.id)))


def _close(
    session: Session, row: RequestRow, version: ModelVersion, status: RequestStatus, reason: str
) -> None:
    row.status, row.decided, row.decided_by = status, now_ms(), caller().name
    row.reason = reason or None
    session.flush()
    audit.record(
        session,
        _ACTIONS[status],
        f"model:{version.registered.name}/{version.version}",
        after={"request": row.id, "stage": row.stage, "requester": row.requester},
        reason=reason or None,
    )
    tell(session, version, row, _EVENTS[status], reason)


def _waiting(session: Session, name: str, request_id: int) -> tuple[RequestRow, ModelVersion]:
    hold_rules(session)
    find_model(session, name, change=True)
    row = find_request(session, name, request_id)
    overdue = row.expires is not None and row.expires <= now_ms()
    if row.status != RequestStatus.WAITING or overdue:
        status = RequestStatus.EXPIRED if row.status == RequestStatus.WAITING else row.status
        raise Conflict(f"Request {request_id} does not wait any more: it is {status}.")
    return row, _version(session, row)


def _version(session: Session, row: RequestRow) -> ModelVersion:
    found = session.scalars(
        select(ModelVersion)
        .join(ModelVersion.registered)
        .options(contains_eager(ModelVersion.registered))
        .where(ModelVersion.id == row.version)
        .execution_options(populate_existing=True)
    ).one()
    assert found.lifecycle_stage == LifecycleStage.ACTIVE  # noqa: S101  (see forget_version)
    return found


def _subject(db: Database, name: str, request_id: int) -> str:
    with looking(db) as session:
        row = find_request(session, name, request_id)
        version = session.get_one(ModelVersion, row.version)
    return f"model:{name}/{version.version}"
