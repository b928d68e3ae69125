"""Logins: the browsers in which somebody has signed in, each of which can be signed out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from podium.client.errors import BadRequest, NotFound, Unauthenticated
from sqlalchemy import delete, select

from .. import audit
from ..clock import now_ms
from ..db import Database
from . import throttle
from .accounts import USER, find, own_id
from .caller import Caller, CallerKind, visit
from .credentials import digest, new_secret, password_fits
from .refusals import Refusals
from .tables import MAX_ID, Login, Principal

DAYS = 7
_DAY = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class LoginInfo:
    id: int
    created: int
    expires: int
    address: str
    browser: str
    current: bool


def check_password(
    db: Database, name: str, password: str, refusals: Refusals | None = None
) -> Principal:
    """The account; :class:`Unauthenticated` says the same whatever was wrong.

    Whoever guesses is soon slowed down, and the account's owner elsewhere is not, unless very many
    addresses guess. A name that is
    nobody's may be a password in the wrong field, so the audit log does not have it.
    """
    address = visit().address or ""
    throttle.PASSWORDS.take(name.lower()[:128], address)
    row = _user(db, name)
    if not password_fits(password, None if row is None else row.password) or row is None:
        if refusals is not None:
            known = "somebody unknown" if row is None else row.name
            refusals.note("login.refuse", f"user:{known}", "a wrong name or password")
        raise Unauthenticated("The name or the password is wrong.")
    throttle.PASSWORDS.give_back(name.lower()[:128], address)
    return row


def _user(db: Database, name: str) -> Principal | None:
    """The account, if it is a person's and on."""
    try:
        with db.reading() as session:
            row = find(session, name)
    except NotFound:
        return None
    return row if row.kind == USER and row.active else None


def begin(db: Database, principal: int, *, browser: str = "") -> str:
    """Sign in; returns the secret for the browser's cookie."""
    secret = new_secret()
    now = now_ms()
    with db.writing() as session:
        row = session.get_one(Principal, principal)
        session.execute(delete(Login).where(Login.expires < now))
        session.add(
            Login(
                principal=principal,
                digest=digest(secret),
                created=now,
                expires=now + DAYS * _DAY,
                address=visit().address or "",
                browser=browser[:256],
            )
        )
        who = Caller(row.name, CallerKind(row.kind))
        audit.record(session, "login.begin", f"user:{row.name}", actor=who)
    return secret


def own(db: Database) -> list[LoginInfo]:
    """The caller's, the newest first."""
    with db.reading() as session:
        rows = session.scalars(
            select(Login)
            .where(Login.principal == own_id(), Login.expires > now_ms())
            .order_by(Login.id.desc())
        )
        current = visit().session
        return [
            LoginInfo(row.id, row.created, row.expires, row.address, row.browser, row.id == current)
            for row in rows
        ]


def end(db: Database, login_id: int | None = None) -> None:
    """One of the caller's logins, or all of them."""
    mine = delete(Login).where(Login.principal == own_id())
    if login_id is not None:
        mine = mine.where(Login.id == min(login_id, MAX_ID))
    with db.writing() as session:
        name = session.get_one(Principal, own_id()).name
        ended = session.scalars(mine.returning(Login.id)).all()
        if login_id is not None and not ended:
            raise NotFound(f"You have no login {login_id}.")
        audit.record(session, "login.end", f"user:{name}", before={"logins": sorted(ended)})


def end_current(db: Database) -> None:
    """Sign out of this browser."""
    current = visit().session
    if current is None:
        raise BadRequest("You have not signed in, so there is nothing to sign out of.")
    end(db, current)


def csrf_of(secret: str) -> bytes:
    """What a form of this login must bring along; a page of another site cannot know it."""
    return hashlib.sha256(b"csrf " + secret.encode("utf-8", "surrogatepass")).digest()


def masked(csrf: bytes) -> str:
    """As it stands on a page: another each time, so nothing is learned of it from lengths."""
    pad = secrets.token_bytes(len(csrf))
    return (pad + _xor(pad, csrf)).hex()


def is_masked(sent: str, csrf: bytes) -> bool:
    """Whether ``sent`` is :func:`masked` of it."""
    try:
        found = bytes.fromhex(sent)
    except ValueError:
        return False
    half = len(csrf)
    return len(found) == 2 * half and hmac.compare_digest(_xor(found[:half], found[half:]), csrf)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
