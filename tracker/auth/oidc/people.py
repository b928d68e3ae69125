"""Whose account it is of whom the provider has told us: found by its number of him, or made.

What the provider calls him is how his account is named, and no more: a name that is taken gets a
number behind it, and an account that is here already is never his for its name or e-mail.
"""

from __future__ import annotations

import re
import unicodedata

import structlog
from podium.client.errors import AlreadyExists, Conflict, Unauthenticated
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from ... import audit
from ...db import Database
from .. import accounts
from ..caller import NOBODYS, Caller
from ..roles import Role
from ..tables import Membership, Principal
from .settings import Oidc
from .wire import Json

_LONGEST = 100
_TRIES = 5
log = structlog.get_logger("podium")


def admit(db: Database, settings: Oidc, claims: Json) -> int:
    """The id of his account, with the role and groups he has now."""
    for _ in range(_TRIES):
        try:
            with db.writing() as session:
                return _admit(session, settings, claims)
        except AlreadyExists:
            continue  # somebody took the name, or he signs in twice at once: look again
    raise Conflict("Several people sign in for the first time at this moment. Sign in again.")


def _admit(session: Session, settings: Oidc, claims: Json) -> int:
    theirs = _groups(claims.get(settings.groups_claim))
    role = _role(settings, theirs)
    email = _email(claims)
    subject = f"{settings.issuer} {claims['sub']}"
    row = session.scalar(select(Principal).where(Principal.subject == subject).with_for_update())
    if row is None:
        row = accounts.add(
            session,
            name=_free_name(session, _name(claims, email)),
            kind=accounts.USER,
            role=Role.MEMBER if role is None else role,
            email=email,
            subject=subject,
        )
    elif not row.active:
        raise Unauthenticated(f"The account {row.name} is switched off. Ask an admin.")
    before, address = _known(session, settings, row), row.email
    row.role = row.role if role is None else role
    row.email = email or row.email
    _enter(session, settings, row, theirs)
    session.flush()
    after = _known(session, settings, row)
    if row.email != address:
        before["email"], after["email"] = address, row.email
    if before != after:
        audit.record(
            session,
            "user.update",
            f"user:{row.name}",
            before=before,
            after=after,
            reason=f"as {settings.host} says",
            actor=Caller(row.name),
        )
    return row.id


def _role(settings: Oidc, theirs: set[str]) -> Role | None:
    """The highest of those his groups give; None: roles are given here alone."""
    if not settings.roles:
        return None
    return max([Role.MEMBER, *(role for group, role in settings.roles if group in theirs)])


def _enter(session: Session, settings: Oidc, row: Principal, theirs: set[str]) -> None:
    """Into the groups he belongs in and out of the others that the settings name."""
    named = {ours for _, ours in settings.groups}
    found = {
        group.name: group.id
        for group in session.scalars(
            select(Principal).where(Principal.kind == accounts.GROUP, Principal.name.in_(named))
        )
    }
    if len(found) < len(named):
        log.warning("oidc_groups_missing", groups=sorted(named - set(found)))
    session.execute(
        delete(Membership).where(Membership.member == row.id, Membership.group.in_(found.values()))
    )
    wanted = {found[ours] for group, ours in settings.groups if group in theirs and ours in found}
    session.add_all(Membership(member=row.id, group=group) for group in sorted(wanted))


def _known(session: Session, settings: Oidc, row: Principal) -> dict[str, object]:
    return {"role": Role(row.role).label, "groups": _managed(session, settings, row)}


def _managed(session: Session, settings: Oidc, row: Principal) -> list[str]:
    named = {ours for _, ours in settings.groups}
    return sorted(
        session.scalars(
            select(Principal.name)
            .join(Membership, Membership.group == Principal.id)
            .where(Membership.member == row.id, Principal.name.in_(named))
        )
    )


def _groups(claim: object) -> set[str]:
    """Of a claim in another shape nobody is in any."""
    if isinstance(claim, str):
        return {claim}
    return {each for each in claim if isinstance(each, str)} if isinstance(claim, list) else set()


def _email(claims: Json) -> str:
    """None that the provider has not verified: anybody could have told it that."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        return ""
    return email if len(email) <= 320 and email.isprintable() else ""


def _name(claims: Json, email: str) -> str:
    preferred = claims.get("preferred_username")
    for wished in (preferred if isinstance(preferred, str) else "", email):
        plain = unicodedata.normalize("NFKD", wished).encode("ascii", "ignore").decode().lower()
        fitting = re.sub(r"[^a-z0-9._@+-]+", "-", plain).lstrip("._@+-")[:_LONGEST].rstrip("-")
        if fitting:
            return fitting
    return "user"


def _free_name(session: Session, wished: str) -> str:
    taken = set(
        session.scalars(
            select(Principal.name).where(
                or_(
                    Principal.name == wished,
                    Principal.name.startswith(f"{wished}-", autoescape=True),
                )
            )
        )
    )
    name, number = wished, 1
    while name in taken or name in NOBODYS:
        number += 1
        name = f"{wished}-{number}"
    return name
