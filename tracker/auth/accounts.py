"""Accounts of people and services, and groups of them: who there is, and with which role."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from podium.client.errors import AlreadyExists, BadRequest, Conflict, NotFound
from podium.client.rules import check_text
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .. import audit
from ..clock import now_ms
from ..db import Database
from . import throttle
from .caller import NOBODYS, Caller, caller, visit
from .credentials import hash_password, password_fits
from .roles import Role
from .tables import Login, Membership, Principal

USER, SERVICE, GROUP = "user", "service", "group"
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,127}")


@dataclass(frozen=True, slots=True)
class Account:
    """``groups`` are the names of those it is in; of a group, ``members`` are its accounts'."""

    name: str
    kind: str
    role: Role
    active: bool
    email: str
    created: int
    has_password: bool
    issuer: str = ""
    """The provider that he signs in at."""
    groups: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


def create(
    db: Database, *, name: str, kind: str = USER, role: Role = Role.MEMBER, email: str = ""
) -> Account:
    """Without a password or token: nobody can sign in with it yet."""
    if kind not in (USER, SERVICE, GROUP):
        raise BadRequest(
            f"Invalid value {kind[:40]!r} for parameter 'kind' supplied: give one of "
            f"{USER}, {SERVICE}, {GROUP}."
        )
    with db.writing() as session:
        return _account(session, add(session, name=name, kind=kind, role=role, email=email))


def add(
    session: Session,
    *,
    name: str,
    kind: str,
    role: Role,
    email: str = "",
    subject: str | None = None,
) -> Principal:
    """As :func:`create`, part of a wider transaction."""
    row = Principal(
        name=check_name(name),
        kind=kind,
        role=role,
        active=True,
        email=check_text(email, "email", limit=320),
        subject=subject,
        created=now_ms(),
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        raise AlreadyExists(
            f"There is an account or group named {row.name!r} already: choose another 'name'."
        ) from None
    if subject is None:
        _record(session, f"{kind}.create", row, after={"role": role.label})
    else:  # whoever signs in for the first time, as whom nobody asks until then
        after = {"role": role.label, "subject": subject}
        _record(session, f"{kind}.create", row, after=after, actor=Caller(row.name))
    return row


def everybody(db: Database) -> list[Account]:
    with db.reading() as session:
        rows = session.scalars(select(Principal).order_by(Principal.name)).all()
        return [_account(session, row) for row in rows]


def get(db: Database, name: str) -> Account:
    with db.reading() as session:
        return _account(session, find(session, name))


def update(
    db: Database,
    name: str,
    *,
    role: Role | None = None,
    active: bool | None = None,
    email: str | None = None,
) -> Account:
    """What is given is set. The last admin stays one, or nobody could make another."""
    with db.writing() as session:
        row = find(session, name, change=True)
        before, address = {"role": Role(row.role).label, "active": row.active}, row.email
        if role is not None:
            row.role = role
        if active is not None:
            row.active = active
        if email is not None:
            row.email = check_text(email, "email", limit=320)
        session.flush()
        if before["active"] and before["role"] == Role.ADMIN.label and not has_admin(session):
            raise Conflict(
                f"{row.name} is the last admin. Make somebody else one first: "
                "podium users set NAME --role admin"
            )
        if not row.active:
            session.execute(delete(Login).where(Login.principal == row.id))
        after = {"role": Role(row.role).label, "active": row.active}
        if row.email != address:
            before["email"], after["email"] = address, row.email
        _record(session, f"{row.kind}.update", row, before=before, after=after)
        return _account(session, row)


def link_subject(db: Database, name: str, subject: str) -> Account:
    """From now on who is ``subject`` at his provider, "ISSUER NUMBER", comes into this account."""
    issuer, _, number = check_text(subject, "subject", limit=1000).partition(" ")
    if not issuer.startswith(("https://", "http://")) or not number or " " in number:
        raise BadRequest(
            "'subject' is the provider's issuer and its number (sub) of the person, with a space "
            "between: 'https://sso.example.org/realms/team 0f3c…'."
        )
    with db.writing() as session:
        row = find(session, name, change=True)
        if row.kind != USER:
            raise BadRequest(f"{row.name!r} is a {row.kind}: only users sign in at a provider.")
        before = {"subject": row.subject}
        row.subject = subject
        try:
            session.flush()
        except IntegrityError:
            raise AlreadyExists(
                "Another account is that person's already: he signs in there. Switch that one off "
                "and use it, or give its roles on."
            ) from None
        _record(session, "user.subject", row, before=before, after={"subject": subject})
        return _account(session, row)


def set_members(db: Database, group: str, members: Sequence[str]) -> Account:
    """Who is in the group from now on."""
    with db.writing() as session:
        row = find(session, group, change=True)
        if row.kind != GROUP:
            raise BadRequest(
                f"{row.name!r} is a {row.kind}, not a group: only groups have members."
            )
        before = _account(session, row).members
        wanted = {find(session, each) for each in members}
        for each in wanted:
            if each.kind == GROUP:
                raise BadRequest(f"{each.name!r} is a group: a group's members are accounts.")
        session.execute(delete(Membership).where(Membership.group == row.id))
        session.add_all(Membership(member=each.id, group=row.id) for each in wanted)
        session.flush()
        found = _account(session, row)
        _record(
            session,
            "group.members",
            row,
            before={"members": before},
            after={"members": found.members},
        )
        return found


def change_password(db: Database, *, old: str, new: str) -> None:
    """The caller's own. All his logins end: who has stolen the old one has one of them, perhaps.

    To guess the old one in somebody's browser is no easier than to guess it elsewhere.
    """
    with db.reading() as session:
        row = session.get_one(Principal, own_id())
        stored, issuer = row.password, issuer_of(row)
    if stored is None and issuer:
        raise BadRequest(
            f"You sign in at {issuer}, so you have no password to change. Ask an admin for a link "
            "if you need one."
        )
    if stored is not None:
        address = visit().address or ""
        throttle.PASSWORDS.take(own_name(), address)
        if not password_fits(old, stored):
            raise BadRequest(
                "'old' is not your password. Ask an admin for a new link if you forgot it."
            )
        throttle.PASSWORDS.give_back(own_name(), address)
    hashed = hash_password(new)
    with db.writing() as session:
        set_password(session, session.get_one(Principal, own_id()), hashed)


def set_password(session: Session, row: Principal, hashed: str) -> None:
    row.password = hashed
    session.execute(delete(Login).where(Login.principal == row.id))
    _record(session, "user.password", row)


def own_id() -> int:
    """The caller's account."""
    found = caller().id
    if found is None:
        raise BadRequest(
            "You have no account here: this server asks nobody who they are. "
            "Start it with PODIUM_AUTH=required to have accounts."
        )
    return found


def own_name() -> str:
    own_id()
    return caller().name


def find(session: Session, name: str, *, change: bool = False) -> Principal:
    row = None
    if _NAME.fullmatch(name.lower()):  # not every text can be asked for
        wanted = select(Principal).where(Principal.name == name.lower())
        row = session.scalar(wanted.with_for_update() if change else wanted)
    if row is None:
        raise NotFound(f"There is no account or group named {name[:128]!r}.")
    return row


def has_admin(session: Session) -> bool:
    """Whether anybody can sign in and give others their rights."""
    admins = select(func.count()).where(
        Principal.kind == USER, Principal.role == Role.ADMIN, Principal.active
    )
    return bool(session.scalar(admins))


def check_name(name: str) -> str:
    """Of a new account, in lower case: two names that differ in it only would be mistaken for one
    another.
    """
    if not _NAME.fullmatch(name.lower()):
        raise BadRequest(
            f"Invalid value {name[:128]!r} for parameter 'name' supplied: up to 128 letters, "
            "digits and . _ @ + - that begin with a letter or digit."
        )
    if name.lower() in NOBODYS:
        raise BadRequest(
            f"Invalid value {name!r} for parameter 'name' supplied: histories call so who has no "
            "account. Choose another name."
        )
    return name.lower()


def issuer_of(row: Principal) -> str:
    return (row.subject or "").partition(" ")[0]


def _account(session: Session, row: Principal) -> Account:
    return Account(
        name=row.name,
        kind=row.kind,
        role=Role(row.role),
        active=row.active,
        email=row.email,
        created=row.created,
        has_password=row.password is not None,
        issuer=issuer_of(row),
        groups=_names(session, Membership.group, Membership.member == row.id),
        members=_names(session, Membership.member, Membership.group == row.id),
    )


def _names(session: Session, column: Any, condition: Any) -> tuple[str, ...]:
    found = (
        select(Principal.name)
        .join(Membership, column == Principal.id)
        .where(condition)
        .order_by(Principal.name)
    )
    return tuple(session.scalars(found))


def _record(session: Session, action: str, row: Principal, **states: Any) -> None:
    audit.record(session, action, f"{row.kind}:{row.name}", **states)
