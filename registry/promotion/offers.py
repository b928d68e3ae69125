"""What the caller may do with a request, and why not: asked before, so that a page can say it.

The services ask again when it is done; nothing here grants anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from podium.client.errors import BadRequest, Conflict
from podium.client.promotion import Promotion, RequestStatus
from podium.tracker.auth.caller import caller
from podium.tracker.auth.roles import Role
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy.orm import Session

from ..models import RegisteredModel
from ..read import find_model
from .policies import InForce, policy_of
from .read import find_request, promotions
from .rights import lacks
from .situation import observe


@dataclass(frozen=True, slots=True)
class Offers:
    """Why the caller would be refused each of these; empty where he would not."""

    approve: str
    reject: str
    withdraw: str
    override: str
    again: str


@dataclass(frozen=True, slots=True)
class Look:
    """A request as it is now.

    ``holder`` is the version it is to take the place of, or has taken it of. ``digest`` is of the
    version's files now, ``offers`` is None of a request that does not wait.
    """

    promotion: Promotion
    in_force: InForce
    holder: int | None = None
    digest: str = ""
    offers: Offers | None = None
    comment: str = ""
    """Why the caller cannot comment."""


def look(db: Database, name: str, request_id: int) -> Look:
    with db.reading() as session:
        model = find_model(session, name)
        [found] = promotions(session, [find_request(session, name, request_id)])
        in_force = policy_of(session, model.name, found.stage)
        if found.waiting and found.expires is not None and found.expires <= now_ms():
            # The worker has not come by yet.
            found = replace(found, status=RequestStatus.EXPIRED, waits_for=())
        comment = lacks(session, model, Role.EDITOR, "to comment")
        if not found.waiting:
            holder = found.archived[-1] if found.archived else None
            return Look(found, in_force, holder, found.digest, comment=comment)
        now = _now(session, model, found)
        offers = _offers(session, model, found, in_force, now)
        return Look(found, in_force, now.holder, now.digest, offers, comment)


@dataclass(frozen=True, slots=True)
class _Now:
    """``closed`` says why nothing can come to the stage, ``unread`` why nothing can be approved."""

    holder: int | None
    digest: str
    closed: str = ""
    unread: str = ""


def _now(session: Session, model: RegisteredModel, found: Promotion) -> _Now:
    try:
        seen = observe(session, model.name, found.version, found.stage)
    except BadRequest as gone:  # the model's stages are others by now
        return _Now(None, found.digest, gone.message)
    closed = ""
    try:
        seen.refuse_what_cannot_be()
    except (BadRequest, Conflict) as refusal:
        closed = refusal.message
    holder = None if seen.holder is None else seen.holder.version
    return _Now(holder, seen.basis.digest, closed, seen.unread)


def _offers(
    session: Session, model: RegisteredModel, found: Promotion, in_force: InForce, now: _Now
) -> Offers:
    me, approver = caller().name, in_force.policy.approver
    own = me == found.requester
    given = any(each.approver == me and not each.lapsed for each in found.approvals)
    approve = lacks(session, model, approver, "to approve")
    if own:
        approve = f"Request {found.id} is your own: somebody else has to approve it."
    elif not approve and given:
        approve = f"You have approved request {found.id} already. It waits for others."
    no_admin = lacks(session, model, Role.ADMIN, "to override a policy")
    no_editor = lacks(session, model, Role.EDITOR, "to promote")
    withdraw = lacks(session, model, Role.EDITOR, "to withdraw")
    if not own and no_admin:
        withdraw = f"Request {found.id} is {found.requester}'s: only he or an admin withdraws it."
    return Offers(
        approve=approve or now.closed or now.unread,
        reject=lacks(session, model, approver, "to reject"),
        withdraw=withdraw,
        override=no_admin or now.closed,
        again=no_editor or now.closed,
    )
