"""Tokens: what a program shows to be let in. Told once, kept as a hash, ended at will."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from podium.client.errors import BadRequest, NotFound, PermissionDenied
from podium.client.rules import check_text
from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import audit
from ..clock import now_ms
from ..db import Database
from .accounts import GROUP, find
from .caller import caller
from .credentials import HINT_LENGTH, digest, new_token
from .permissions import LOG, READ, REGISTER, SCOPES, Permission
from .tables import MAX_ID, Principal, Token

DEFAULT_SCOPES = (READ, LOG, REGISTER)
DEFAULT_DAYS = 365
MAX_DAYS = 3660
_DAY = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """All that is known of a token but the token."""

    id: int
    owner: str
    name: str
    hint: str
    scopes: tuple[str, ...]
    created: int
    expires: int | None
    last_used: int | None
    revoked: int | None

    @property
    def works(self) -> bool:
        return self.revoked is None and (self.expires is None or self.expires > now_ms())


def create(
    db: Database,
    owner: str,
    *,
    name: str,
    scopes: Collection[str] = DEFAULT_SCOPES,
    days: int | None = DEFAULT_DAYS,
) -> tuple[str, TokenInfo]:
    """A new token of an account; the secret is told here and never again.

    ``days`` until it expires; None: never.
    """
    secret = new_token()
    checked = _checked_scopes(scopes)
    if days is not None and not 1 <= days <= MAX_DAYS:
        raise BadRequest(f"'days' must be between 1 and {MAX_DAYS}, not {days}.")
    if not name.strip():
        raise BadRequest("'name' says what the token is for, as in 'training on the cluster'.")
    now = now_ms()
    with db.writing() as session:
        account = find(session, owner)
        if account.kind == GROUP:
            raise BadRequest(f"{account.name!r} is a group: tokens belong to accounts.")
        row = Token(
            principal=account.id,
            name=check_text(name, "name", limit=128),
            digest=digest(secret),
            hint=secret[:HINT_LENGTH],
            scopes=" ".join(checked),
            created=now,
            expires=None if days is None else now + days * _DAY,
        )
        session.add(row)
        session.flush()
        after = {"name": row.name, "scopes": checked, "expires": row.expires, "hint": row.hint}
        audit.record(session, "token.create", _subject(row, account), after=after)
        return secret, _info(row, account.name)


def of(db: Database, owner: str) -> list[TokenInfo]:
    """Those of an account, the newest first; revoked and expired ones, too."""
    with db.reading() as session:
        account = find(session, owner)
        rows = session.scalars(
            select(Token).where(Token.principal == account.id).order_by(Token.id.desc())
        )
        return [_info(row, account.name) for row in rows]


def revoke(db: Database, owner: str, token_id: int) -> None:
    """It works no more. To revoke it again is no error."""
    with db.writing() as session:
        account = find(session, owner)
        row = session.get(Token, min(token_id, MAX_ID), with_for_update=True)
        if row is None or row.principal != account.id:
            raise NotFound(f"{account.name} has no token {token_id}.")
        if row.revoked is None:
            row.revoked = now_ms()
            audit.record(session, "token.revoke", _subject(row, account), before={"name": row.name})


def used(session: Session, token_id: int, when: int) -> None:
    row = session.get(Token, token_id)
    if row is not None:
        row.last_used = when


def parse_scopes(text: str) -> frozenset[Permission]:
    return frozenset(Permission(word) for word in text.split())


def _checked_scopes(scopes: Collection[str]) -> Sequence[str]:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise BadRequest(
            f"Invalid value {unknown} for parameter 'scopes' supplied: give some of "
            f"{', '.join(SCOPES)}."
        )
    beyond = sorted(set(scopes) - caller().scopes)
    if beyond:
        raise PermissionDenied(
            f"A token for {', '.join(beyond)} cannot be made with one that is not for it."
        )
    return [scope.value for scope in SCOPES if scope in set(scopes)]


def _info(row: Token, owner: str) -> TokenInfo:
    return TokenInfo(
        id=row.id,
        owner=owner,
        name=row.name,
        hint=row.hint,
        scopes=tuple(row.scopes.split()),
        created=row.created,
        expires=row.expires,
        last_used=row.last_used,
        revoked=row.revoked,
    )


def _subject(row: Token, account: Principal) -> str:
    return f"token:{account.name}/{row.id}"
