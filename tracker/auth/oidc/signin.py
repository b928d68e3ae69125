"""The way to the provider and back, by the same browser, once and within minutes.

The browser takes along one secret, of which the database holds the hash. State, nonce and code
verifier follow from it, so whoever reads the database or the address of the way back has neither.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from podium.client.errors import TooManyRequests, Unauthenticated
from sqlalchemy import delete

from ...clock import now_ms
from ...db import Database
from ..caller import visit
from ..credentials import digest, new_secret
from ..tables import SignIn
from ..throttle import Buckets, Limit
from .people import admit
from .provider import Provider

MINUTES = 10
_MAX_ONWARD = 2000
# Each is a row until it has expired; a whole office behind one address has many.
STARTS = Buckets(Limit(1, 60))


def start(db: Database, provider: Provider, *, onward: str, redirect_uri: str) -> tuple[str, str]:
    """Where the browser is sent, and the secret for its cookie."""
    wait = STARTS.take(visit().address or "")
    if wait:
        raise TooManyRequests(
            "Too many tries to sign in. Try again after a while.", retry_after=wait
        )
    secret, now = new_secret(), now_ms()
    address = provider.authorization_url(
        redirect_uri=redirect_uri,
        state=_derived(secret, "state"),
        nonce=_derived(secret, "nonce"),
        verifier=_derived(secret, "verifier"),
    )
    with db.writing() as session:
        session.execute(delete(SignIn).where(SignIn.expires < now))
        session.add(
            SignIn(
                digest=digest(secret),
                onward=onward if len(onward) <= _MAX_ONWARD else "/",
                expires=now + MINUTES * 60 * 1000,
            )
        )
    return address, secret


def finish(
    db: Database,
    provider: Provider,
    *,
    secret: str,
    answer: Mapping[str, str],
    redirect_uri: str,
) -> tuple[int, str]:
    """The account of who came back, and where he wanted to go."""
    onward = _take(db, secret, answer.get("state", ""))
    settings = provider.settings
    if answer.get("iss", settings.issuer) != settings.issuer:
        raise Unauthenticated("Another provider has answered than was asked. Sign in again.")
    code = answer.get("code", "")
    if "error" in answer or not code:
        raise Unauthenticated(f"{settings.host} did not sign you in. Sign in again, or ask there.")
    claims = provider.claims(
        code,
        redirect_uri=redirect_uri,
        nonce=_derived(secret, "nonce"),
        verifier=_derived(secret, "verifier"),
    )
    return admit(db, settings, claims), onward


def _take(db: Database, secret: str, state: str) -> str:
    """Use up the sign-in that this browser began; nothing may follow from it twice."""
    wanted = _derived(secret, "state").encode()
    found = None
    if secret and hmac.compare_digest(state.encode("utf-8", "surrogatepass"), wanted):
        with db.writing() as session:
            found = session.execute(
                delete(SignIn)
                .where(SignIn.digest == digest(secret))
                .returning(SignIn.onward, SignIn.expires)
            ).one_or_none()
    if found is None or found.expires < now_ms():
        raise Unauthenticated(
            "This browser did not begin to sign in, has finished already or took longer than "
            f"{MINUTES} minutes. Sign in again."
        )
    return str(found.onward)


def _derived(secret: str, purpose: str) -> str:
    """256 bits that tell nothing of the secret nor of one another."""
    key = secret.encode("utf-8", "surrogatepass")
    found = hmac.new(key, f"oidc {purpose}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()
