"""The provider as its documents describe it, and what its tokens say of people once checked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import structlog
from podium.client.errors import ConfigError, Unauthenticated, Unavailable

from .settings import Oidc, is_safe
from .wire import Json, Wire, away

# Signatures by a key that only the provider has. Neither "none", nor one by a shared secret, for
# which the provider's public key could be passed off.
ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512"),
)
SKEW = 60
"""Seconds that its clock and ours may differ."""
OLDEST = 600
"""Seconds since a token was made: one made for a sign-in cannot be older than that."""
KEPT = 3600.0
"""Seconds until a document is fetched again."""
MOMENT = 10.0
"""Seconds within which it is not, whatever is asked."""

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_KINDS_OF_KEYS = ("RSA", "EC")

T = TypeVar("T")
log = structlog.get_logger("podium")


class Provider:
    """Its documents are fetched when somebody signs in, not when the server starts."""

    def __init__(self, settings: Oidc) -> None:
        self.settings = settings
        self._wire = Wire()
        self._metadata = _Kept(self._fetch_metadata)
        self._keys = _Kept(self._fetch_keys)

    def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to say who it is."""
        client = self._client(redirect_uri)
        address = self._metadata.get()["authorization_endpoint"]
        url, _ = client.create_authorization_url(
            address, state=state, code_verifier=verifier, nonce=nonce
        )
        return str(url)

    def claims(self, code: str, *, redirect_uri: str, nonce: str, verifier: str) -> Json:
        """What the provider says of who came back with ``code``.

        :class:`Unauthenticated` when it does not stand by the code, or its token is not in order.
        """
        from authlib.common.errors import AuthlibBaseError
        from joserfc.errors import JoseError

        client = self._client(redirect_uri)
        try:
            answer = client.fetch_token(
                self._metadata.get()["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
            )
        except (AuthlibBaseError, ValueError, TypeError) as error:
            raise self._refused("the code was not accepted", error) from None
        try:
            return self._checked(answer, nonce)
        except (JoseError, ValueError, TypeError) as error:
            raise self._refused("its token is not in order", error) from None

    def _client(self, redirect_uri: str) -> Any:
        from authlib.oauth2.client import OAuth2Client

        try:
            secret = self.settings.secret()
        except ConfigError as error:
            log.error("oidc_secret", error=error.message)
            raise Unavailable(
                "This server cannot read its secret for the provider. Its log says why; who has a "
                "password can sign in with it."
            ) from None
        known = self._metadata.get().get("token_endpoint_auth_methods_supported")
        method = "client_secret_basic" if secret else "none"
        if secret and isinstance(known, list) and "client_secret_post" in known:
            method = "client_secret_post"  # Basic leaves open how odd characters are written
        return OAuth2Client(
            self._wire,
            client_id=self.settings.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=method,
            scope=self.settings.scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _checked(self, answer: Json, nonce: str) -> Json:
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import InvalidClaimError

        token = self._decoded(answer.get("id_token"))
        claims = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": self.settings.issuer},
                "aud": {"essential": True, "value": self.settings.client_id},
                "sub": {"essential": True},
            },
            {
                "nonce": nonce,
                "client_id": self.settings.client_id,
                "access_token": answer.get("access_token"),
            },
        )
        claims.validate(leeway=SKEW)
        if claims["iat"] < time.time() - OLDEST - SKEW:
            raise InvalidClaimError("iat")
        subject = claims["sub"]
        if len(subject) > 255 or not subject.isascii() or not subject.isprintable():
            raise InvalidClaimError("sub")
        return dict(claims)

    def _decoded(self, text: object) -> Any:
        """Signed by a key of the provider's; of a key that is not known the keys are read anew."""
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError
        from joserfc.jws import JWSRegistry

        if not isinstance(text, str):
            raise ValueError("no id_token")
        allowed = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(text, self._keys.get(), registry=allowed)
        except InvalidKeyIdError:
            return jwt.decode(text, self._keys.again(), registry=allowed)

    def _fetch_metadata(self) -> Json:
        issuer = self.settings.issuer
        url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        found = self._wire.get(url)
        if found.get("issuer") != issuer:
            log.error("oidc_issuer", configured=issuer, found=str(found.get("issuer"))[:200])
            raise away(url, "it goes by another name than PODIUM_OIDC_ISSUER")
        for name in _ENDPOINTS:
            if not self._may_ask(str(found.get(name)).partition("?")[0]):
                raise away(url, f"its {name} is no https address")
        return found

    def _may_ask(self, url: str) -> bool:
        """No document of a provider elsewhere leads to what listens on this machine."""
        return is_safe(url) and url.startswith(("https:", self.settings.issuer.partition("//")[0]))

    def _fetch_keys(self) -> Any:
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        url = self._metadata.get()["jwks_uri"]
        found = self._wire.get(url).get("keys")
        usable = [
            key
            for key in (found if isinstance(found, list) else [])
            if isinstance(key, dict)
            and key.get("kty") in _KINDS_OF_KEYS
            and key.get("use", "sig") == "sig"
        ]
        try:
            return KeySet.import_key_set({"keys": usable})
        except (JoseError, ValueError, TypeError, KeyError):
            raise away(url, "it names no key that can be used") from None

    def _refused(self, what: str, error: Exception) -> Unauthenticated:
        """The reason is for the log: the page tells no stranger how far he got."""
        reason = getattr(error, "error", "") or type(error).__name__
        log.warning(
            "oidc_refused", what=what, reason=str(reason)[:100], claim=getattr(error, "claim", None)
        )
        return Unauthenticated(f"{self.settings.host} did not sign you in: {what}. Sign in again.")


class _Kept(Generic[T]):
    """A document, fetched when it is first needed and again after a while.

    A failure is kept for a moment, too: who waits for a provider that is away holds a thread.
    """

    def __init__(self, fetch: Callable[[], T]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._found: tuple[float, T] | None = None
        self._failed: tuple[float, str] | None = None

    def get(self) -> T:
        return self._newer_than(KEPT)

    def again(self) -> T:
        """As it is now, or was a moment ago."""
        return self._newer_than(MOMENT)

    def _newer_than(self, seconds: float) -> T:
        with self._lock:
            now = time.monotonic()
            if self._found is not None and now < self._found[0] + seconds:
                return self._found[1]
            if self._failed is not None and now < self._failed[0] + MOMENT:
                raise Unavailable(self._failed[1], retry_after=MOMENT)
            try:
                found = self._fetch()
            except Unavailable as error:
                self._failed = time.monotonic(), error.message
                raise
            self._found, self._failed = (time.monotonic(), found), None
            return found
