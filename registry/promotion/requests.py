"""Promoting: done at once where the policy allows it, else a request that waits for the rest.

Whatever is asked again answers as the first time, so a lost answer costs nothing: for a version and
a stage there is one request that waits at most, and asking looks at it anew.
"""

from __future__ import annotations

from podium.client.errors import BadRequest, Conflict, PermissionDenied
from podium.client.promotion import Promotion, RequestStatus
from podium.client.rules import check_model_name, check_text
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database, insert
from sqlalchemy.orm import Session

from ..read import find_version, parse_version
from .asking import Answers, decide
from .gates import Outside
from .read import find_request, promotions
from .refusals import looking, recorded
from .rights import require, require_override
from .settling import settle
from .situation import Situation
from .tables import ApprovalRow, RequestRow

MAX_COMMENT = 10_000
_HOUR = 3_600_000


def promote(
    db: Database,
    *,
    name: str,
    version: str | int,
    stage: str,
    comment: str = "",
    archive: bool | None = None,
    override: str | None = None,
    outside: Outside = Outside(),  # noqa: B008  (immutable)
) -> Promotion:
    """Ask that a version be in a stage. The answer says whether it is, or what it waits for.

    ``archive`` sends those who are there to the archive, where stage and policy leave the choice.
    ``override`` is the reason for which an admin does without approvals and gates.
    """
    check_model_name(name)
    check_text(comment, "comment", limit=MAX_COMMENT)
    _check_override(override)

    def work(session: Session, seen: Situation, answers: Answers) -> Promotion:
        model = seen.version.registered
        require(session, model, Role.EDITOR, "to promote")
        if override is not None:
            require_override(session, model)
        if seen.has_come(archive):
            return _already(session, seen)
        seen.refuse_what_cannot_be()
        row = seen.waiting or _new(seen, comment=comment, archive=archive)
        return settle(session, seen, row, answers, override=override)

    with recorded(db, "version.promote", _subject(db, name, version)):
        return decide(
            db,
            work,
            name=name,
            version=version,
            stage=stage,
            archive=archive,
            outside=outside if override is None else None,
        )


def approve(
    db: Database,
    *,
    name: str,
    request_id: int,
    comment: str = "",
    digest: str | None = None,
    outside: Outside = Outside(),  # noqa: B008  (immutable)
) -> Promotion:
    """Agree to a request. With the last approval that it waited for, the version is promoted.

    ``digest`` is that of the files the approver has looked at: if they are others now, his approval
    is refused.
    """
    check_text(comment, "comment", limit=MAX_COMMENT)
    version, stage, subject = _of_request(db, name, request_id)

    def work(session: Session, seen: Situation, answers: Answers) -> Promotion:
        row = _still_waiting(session, seen, name, request_id)
        policy = seen.in_force.policy
        require(session, seen.version.registered, policy.approver, "to approve")
        if caller().name == row.requester:
            raise PermissionDenied(
                f"Request {request_id} is your own: somebody else has to approve it."
            )
        seen.refuse_approval_of_unread()
        if digest is not None and digest != seen.basis.digest:
            raise Conflict(
                f"The files of version {version} of {name} are not those you have looked at: their "
                f"digest is {seen.basis.digest or 'not known'}. Look at them again."
            )
        seen.refuse_what_cannot_be()
        _add_approval(session, seen, row, comment)
        return settle(session, seen, row, answers)

    with recorded(db, "request.approve", subject):
        return decide(db, work, name=name, version=version, stage=stage, outside=outside)


def override(db: Database, *, name: str, request_id: int, reason: str) -> Promotion:
    """Promote without the approvals and gates that a request waits for."""
    _check_override(reason)
    version, stage, subject = _of_request(db, name, request_id)

    def work(session: Session, seen: Situation, answers: Answers) -> Promotion:
        row = _still_waiting(session, seen, name, request_id)
        require_override(session, seen.version.registered)
        seen.refuse_what_cannot_be()
        return settle(session, seen, row, answers, override=reason)

    with recorded(db, "request.override", subject):
        return decide(db, work, name=name, version=version, stage=stage, outside=None)


def _new(seen: Situation, *, comment: str, archive: bool | None) -> RequestRow:
    hours = seen.in_force.policy.expires_after_hours
    return RequestRow(
        model=seen.version.model,
        version=seen.version.id,
        stage=seen.target.name,
        before=seen.version.stage,
        status=RequestStatus.WAITING,
        requester=caller().name,
        comment=comment,
        archive=archive,
        created=seen.now,
        expires=None if hours is None else seen.now + int(hours * _HOUR),
        overridden=False,
    )


def _already(session: Session, seen: Situation) -> Promotion:
    """It is there: the answer is as if it had just come, and nothing is written."""
    return Promotion(
        id=0,
        name=seen.version.registered.name,
        version=seen.version.version,
        stage=seen.target.name,
        before=seen.version.stage,
        status=RequestStatus.DONE,
        requester=caller().name,
        comment="",
        created=seen.now,
        digest=seen.basis.digest,
    )


def _add_approval(session: Session, seen: Situation, row: RequestRow, comment: str) -> None:
    """Approving again what one has approved is refused; what has lapsed may be approved anew."""
    new = (
        insert(session, ApprovalRow)
        .values(
            request=row.id,
            approver=caller().name,
            comment=comment,
            created=seen.now,
            digest=seen.basis.digest,
            policy=seen.basis.policy,
        )
        .on_conflict_do_nothing()
        .returning(ApprovalRow.id)
    )
    if session.scalar(new) is None:
        raise Conflict(f"You have approved request {row.id} already. It waits for others.")
    version = seen.version
    audit.record(
        session,
        "request.approve",
        f"model:{version.registered.name}/{version.version}",
        after={
            "request": row.id,
            "stage": row.stage,
            "digest": seen.basis.digest,
            "policy": seen.basis.policy or None,
        },
        reason=comment or None,
    )


def _still_waiting(session: Session, seen: Situation, name: str, request_id: int) -> RequestRow:
    if seen.waiting is not None and seen.waiting.id == request_id:
        return seen.waiting
    row = find_request(session, name, request_id)
    status = RequestStatus.EXPIRED if row.status == RequestStatus.WAITING else row.status
    raise Conflict(f"Request {request_id} does not wait any more: it is {status}.")


def _subject(db: Database, name: str, version: str | int) -> str:
    """For the audit log; what is not there is not found, and not noted."""
    with looking(db) as session:
        find_version(session, name, version)
    return f"model:{name}/{parse_version(version)}"


def _of_request(db: Database, name: str, request_id: int) -> tuple[int, str, str]:
    """The version, the stage and the subject for the audit log."""
    with looking(db) as session:
        found = promotions(session, [find_request(session, name, request_id)])[0]
    return found.version, found.stage, f"model:{found.name}/{found.version}"


def _check_override(reason: str | None) -> None:
    if reason is not None and not check_text(reason, "override", limit=MAX_COMMENT).strip():
        raise BadRequest("'override' is blank: give the reason for doing without the policy.")
