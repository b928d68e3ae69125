"""Who may promote, approve and override: roles on the model, as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from podium.client.errors import PermissionDenied, Unauthenticated
from podium.tracker.auth.authenticate import load
from podium.tracker.auth.caller import LOCAL, SYSTEM, Caller, Visit, begin, caller, visit
from podium.tracker.auth.permissions import APPROVE
from podium.tracker.auth.roles import MODEL, Role
from podium.tracker.auth.tables import Grant, Principal
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..models import RegisteredModel


def role_here(session: Session, model: RegisteredModel) -> Role:
    """The caller's on this model."""
    return _role(session, caller(), model)


def role_of(session: Session, name: str, model: RegisteredModel) -> Role:
    """That of somebody who has acted before: it may be another by now, or none."""
    if name in (LOCAL.name, SYSTEM.name):
        # Nobody was asked who he is. Once somebody is, that counts for nothing.
        return Role.ADMIN if caller() in (LOCAL, SYSTEM) else Role.MEMBER
    account = session.scalar(select(Principal.id).where(Principal.name == name))
    if account is None:
        return Role.MEMBER
    try:
        return _role(session, load(session, account, frozenset()), model)
    except Unauthenticated:  # the account is switched off
        return Role.MEMBER


def require(session: Session, model: RegisteredModel, role: Role, what: str) -> None:
    """Refuse unless the caller has this role or a higher one; ``what`` completes "to …"."""
    refusal = lacks(session, model, role, what)
    if refusal:
        raise PermissionDenied(refusal)


def require_override(session: Session, model: RegisteredModel) -> None:
    """Overriding is deciding: a token that may only ask may not do it, whoever owns it."""
    require(session, model, Role.ADMIN, "to override a policy")
    if APPROVE not in caller().scopes:
        raise PermissionDenied(
            f"The token is not for {APPROVE!r}, which overriding a policy takes. Make one that is."
        )


def lacks(session: Session, model: RegisteredModel, role: Role, what: str) -> str:
    """Why the caller would be refused; empty when he has the role."""
    found = role_here(session, model)
    if found >= role:
        return ""
    return (
        f"You are {found.label} of the model {model.name}: {what} takes the role {role.label}. "
        "Ask an admin of the model for it."
    )


@contextmanager
def as_system() -> Iterator[None]:
    """What gates are told of a version's run is the same whoever asks."""
    before = visit()
    begin(Visit(SYSTEM, before.address, before.request_id))
    try:
        yield
    finally:
        begin(before)


def _role(session: Session, who: Caller, model: RegisteredModel) -> Role:
    """The higher of the role on everything and the one that was given on this model."""
    if who.role is Role.ADMIN or not who.principals:
        return who.role
    given = session.scalar(
        select(func.max(Grant.role)).where(
            Grant.principal.in_(who.principals),
            Grant.kind == MODEL.name,
            Grant.object == model.id,
        )
    )
    return max(who.role, Role(given or 0))
