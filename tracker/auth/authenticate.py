"""From a secret to a caller, remembered for a moment.

What is found out about a caller is true for a state of the audit log, in which every change of
accounts, tokens and logins leaves a row in its own transaction: by whichever process it was made,
the next request anywhere finds the log grown, and asks again. That costs one number a request.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from podium.client.errors import Unauthenticated, Unavailable
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..clock import now_ms
from ..db import Database
from . import logins, tokens
from .caller import Caller, CallerKind
from .credentials import TOKEN_PREFIX, digest
from .permissions import EVERYTHING, Permission
from .refusals import Refusals
from .roles import Role
from .tables import Login, Membership, Principal, Token

REMEMBERED = 2.0  # a change that somebody makes by hand, in SQL, holds after so many seconds
_STATE = "SELECT id FROM audit ORDER BY id DESC LIMIT 1"
_MOST = 10_000
_HOUR = 3600 * 1000


@dataclass(frozen=True, slots=True)
class Known:
    """``login`` is the id of the browser's login, and ``csrf`` what its forms bring along.

    ``token`` is the token's id, and ``expires`` when it or the login is over.
    """

    caller: Caller
    login: int | None = None
    csrf: bytes = b""
    token: int | None = None
    expires: int | None = None


class Authenticator:
    def __init__(self, db: Database) -> None:
        self._db = db
        self.refusals = Refusals(db)
        self._known: dict[bytes, tuple[float, int | None, Known]] = {}
        # To check a password takes long on purpose, and programs send theirs with every request:
        # which stored hash one fitted, under a key that only this process can make of it.
        self._fitted: dict[bytes, tuple[int, str | None]] = {}
        self._key = secrets.token_bytes(32)

    def by_token(self, secret: str) -> Known:
        try:
            return self._remembered(digest(secret), lambda: self._token(secret))
        except Unauthenticated as error:
            self.refusals.note("token.refuse", "token", error.message)
            raise

    def by_password(self, name: str, password: str) -> Known:
        if password.startswith(TOKEN_PREFIX):  # for programs that know names and passwords only
            return self.by_token(password)
        both = f"{name}\0{password}".encode("utf-8", "surrogatepass")
        key = hmac.new(self._key, both, hashlib.sha256).digest()
        return self._remembered(key, lambda: self._password(key, name, password))

    def by_login(self, secret: str) -> Known:
        return self._remembered(digest("login " + secret), lambda: self._login(secret))

    def _remembered(self, key: bytes, find: Callable[[], Known]) -> Known:
        now, state = time.monotonic(), self._db.glance(_STATE)
        found = self._known.get(key)
        if found is not None and found[0] > now and found[1] == state:
            known = found[2]
            if known.expires is None or known.expires > now_ms():
                return known
        known = find()
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = (now + REMEMBERED, state, known)
        return known

    def _token(self, secret: str) -> Known:
        now = now_ms()
        with self._db.reading() as session:
            row = session.scalar(select(Token).where(Token.digest == digest(secret)))
            if row is None:
                raise Unauthenticated(
                    "The token is not known to this server. Copy it again, or make a new one."
                )
            if row.revoked is not None:
                raise Unauthenticated(f"The token {row.hint}… ({row.name}) was revoked.")
            if row.expires is not None and row.expires <= now:
                raise Unauthenticated(f"The token {row.hint}… ({row.name}) has expired.")
            who = load(session, row.principal, tokens.parse_scopes(row.scopes))
            known = Known(who, token=row.id, expires=row.expires)
        if row.last_used is None or row.last_used < now - _HOUR:
            with suppress(Unavailable), self._db.writing() as session:
                tokens.used(session, row.id, now)
        return known

    def _password(self, key: bytes, name: str, password: str) -> Known:
        fitted = self._fitted.get(key)
        if fitted is not None:
            with self._db.reading() as session:
                row = session.get(Principal, fitted[0])
                if row is not None and row.password == fitted[1]:
                    return Known(load(session, row.id, EVERYTHING))
        row = logins.check_password(self._db, name, password, self.refusals)
        if len(self._fitted) >= _MOST:
            self._fitted.clear()
        self._fitted[key] = (row.id, row.password)
        with self._db.reading() as session:
            return Known(load(session, row.id, EVERYTHING))

    def _login(self, secret: str) -> Known:
        with self._db.reading() as session:
            row = session.scalar(select(Login).where(Login.digest == digest(secret)))
            if row is None or row.expires <= now_ms():
                raise Unauthenticated("You are signed out. Sign in again.")
            who = load(session, row.principal, EVERYTHING)
            return Known(who, row.id, logins.csrf_of(secret), expires=row.expires)


def load(session: Session, principal: int, scopes: frozenset[Permission]) -> Caller:
    row = session.get_one(Principal, principal)
    if not row.active:
        raise Unauthenticated(f"The account {row.name} is switched off. Ask an admin.")
    groups = session.execute(
        select(Principal.id, Principal.role)
        .join(Membership, Membership.group == Principal.id)
        .where(Membership.member == principal, Principal.active)
    ).all()
    return Caller(
        name=row.name,
        kind=CallerKind(row.kind),
        role=Role(max([row.role, *(role for _, role in groups)])),
        scopes=scopes,
        principals=(principal, *(group for group, _ in groups)),
    )
