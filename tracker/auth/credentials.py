"""Secrets: how they are made, and what is kept of them."""

from __future__ import annotations

import hashlib
import secrets
import threading
from functools import cache
from typing import TYPE_CHECKING

from podium.client.errors import BadRequest

if TYPE_CHECKING:
    from argon2 import PasswordHasher

TOKEN_PREFIX = "podium_"  # noqa: S105  (by it scanners of leaked secrets know what they found)
HINT_LENGTH = len(TOKEN_PREFIX) + 4
MIN_PASSWORD, MAX_PASSWORD = 12, 512

# Each check takes 64 MiB for a moment: an attacker may have so many of ours at once, no more.
_CHECKS = threading.BoundedSemaphore(2)
# Compared with when there is no such account, so that it takes as long: of a password nobody knows.
_NOBODYS: list[str] = []


def new_token() -> str:
    return TOKEN_PREFIX + new_secret()


def new_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a random secret. It needs no salt and no slowness: it cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


@cache
def hasher() -> PasswordHasher:
    """Argon2id with the library's figures, which follow RFC 9106."""
    from argon2 import PasswordHasher

    return PasswordHasher()


def hash_password(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadRequest(
            f"'password' must have between {MIN_PASSWORD} and {MAX_PASSWORD} characters. "
            "Four words that do not belong together are long enough, and can be remembered."
        )
    with _CHECKS:
        return hasher().hash(password.encode("utf-8", "surrogatepass"))


def password_fits(password: str, stored: str | None) -> bool:
    """Whether it is the one; takes the same time when there is none to compare with."""
    from argon2.exceptions import VerificationError

    if not _NOBODYS:  # whoever is asked for: else the first stranger would take twice as long
        _NOBODYS.append(hash_password(new_secret()))
    if len(password) > MAX_PASSWORD:
        return False
    with _CHECKS:
        try:
            hasher().verify(stored or _NOBODYS[0], password.encode("utf-8", "surrogatepass"))
        except VerificationError:
            return False
    return stored is not None
