"""Links that work once: for the first admin of a new server, and for whoever needs a password."""

from __future__ import annotations

from podium.client.errors import NotFound
from sqlalchemy import delete
from sqlalchemy.orm import Session

from .. import audit
from ..advisory import Lock, lock
from ..clock import now_ms
from ..db import Database
from . import throttle
from .accounts import USER, add, find, has_admin, set_password
from .caller import visit
from .credentials import digest, hash_password, new_secret
from .roles import Role
from .tables import Invitation, Principal

HOURS = 24
_HOUR = 3600 * 1000


def for_first_admin(db: Database) -> str | None:
    """A secret that makes its bearer the first admin; None when there is an admin already."""
    with db.writing() as session:
        if has_admin(session):
            return None
        return _invite(session, None)


def for_account(db: Database, name: str) -> str:
    """A secret by which its bearer chooses the account's password."""
    with db.writing() as session:
        row = find(session, name)
        if row.kind != USER:
            raise NotFound(f"{row.name!r} is a {row.kind}: only users have passwords.")
        audit.record(session, "user.invite", f"user:{row.name}")
        return _invite(session, row.id)


def link(secret: str) -> str:
    """The page that takes it; it is worth nothing any more once a proxy's log has been read."""
    return f"/welcome?key={secret}"


def whose(db: Database, secret: str) -> str | None:
    """The name of the account that the link is for; None: its bearer chooses one."""
    with db.reading() as session:
        found = _find(session, secret)
        return None if found.principal is None else session.get_one(Principal, found.principal).name


def accept(db: Database, secret: str, *, name: str, password: str) -> int:
    """Use the link; returns the id of the account. ``name`` is that of a first admin.

    Whoever has none is slowed down, and costs no more than a look into the database.
    """
    address = visit().address or ""
    throttle.PASSWORDS.take(f"link {address}", address)
    whose(db, secret)
    throttle.PASSWORDS.give_back(f"link {address}", address)
    hashed = hash_password(password)
    with db.writing() as session:
        lock(session.connection(), Lock.FIRST_ADMIN)  # two links must not make two first admins
        found = _find(session, secret)
        if found.principal is None:
            if has_admin(session):
                raise _gone()
            row = add(session, name=name, kind=USER, role=Role.ADMIN)
            session.execute(delete(Invitation).where(Invitation.principal.is_(None)))
        else:
            row = session.get_one(Principal, found.principal)
            session.execute(delete(Invitation).where(Invitation.principal == row.id))
        set_password(session, row, hashed)
        return row.id


def _invite(session: Session, principal: int | None) -> str:
    secret, now = new_secret(), now_ms()
    session.execute(delete(Invitation).where(Invitation.expires < now))
    session.add(Invitation(digest=digest(secret), principal=principal, expires=now + HOURS * _HOUR))
    return secret


def _find(session: Session, secret: str) -> Invitation:
    found = session.get(Invitation, digest(secret))
    if found is None or found.expires < now_ms():
        raise _gone()
    return found


def _gone() -> NotFound:
    return NotFound(
        "This link has been used or has expired. A server without an admin prints a new one when "
        "it starts; else ask an admin, who types: podium users invite NAME"
    )
