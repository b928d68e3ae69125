"""An OpenID Connect provider on loopback: discovery, keys, authorization code with PKCE.

It keeps to the specification, and is told by a test where it should not. It signs by hand, so that
what it makes does not come from the library that is to judge it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

Json = dict[str, Any]

CLIENT_ID, CLIENT_SECRET = "podium", "canary secret/of=the+client"
REDIRECT_URI = "http://localhost/login/oidc/callback"


@dataclass(frozen=True, slots=True)
class Key:
    kid: str
    private: rsa.RSAPrivateKey

    def public(self) -> Json:
        numbers = self.private.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": encode(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": encode(numbers.e.to_bytes(3, "big")),
        }

    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


@cache
def key(number: int) -> Key:
    """To make one takes a while: the tests share them."""
    return Key(f"key-{number}", rsa.generate_private_key(public_exponent=65537, key_size=2048))


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header: Json, claims: Json, by: Key) -> str:
    body = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    if header["alg"] == "RS256":
        signature = by.private.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
    elif header["alg"] == "HS256":  # as an attacker does it who has the public key, as we all do
        signature = hmac.new(by.pem(), body.encode(), hashlib.sha256).digest()
    else:
        signature = b""
    return f"{body}.{encode(signature)}"


@dataclass
class Provider:
    """``person`` is what it says of who asks; ``wrong`` changes a token before it is signed.

    ``answers`` are bodies it gives instead, by path.
    """

    issuer: str
    redirect_uri: str = REDIRECT_URI
    person: Json = field(default_factory=lambda: {"sub": "1"})
    wrong: Callable[[Json, Json], None] = lambda header, claims: None
    signed_by: Key = field(default_factory=lambda: key(1))
    published: list[Key] = field(default_factory=lambda: [key(1)])
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=lambda: ["client_secret_basic"])
    codes: dict[str, Json] = field(default_factory=dict)

    def rotate(self, number: int) -> None:
        self.signed_by = key(number)
        self.published = [key(number)]

    def consent(self, address: str) -> str:
        """What a browser does that is sent to ``address`` by somebody who agrees: the way back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.issuer}/authorize?"), address
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["redirect_uri"] == self.redirect_uri
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return f"{self.redirect_uri}?{urlencode({'code': code, 'state': asked['state']})}"

    def get(self, path: str) -> tuple[int, bytes]:
        if path == "/.well-known/openid-configuration":
            return _json(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                    "token_endpoint_auth_methods_supported": self.methods,
                }
            )
        if path == "/keys":
            return _json({"keys": [each.public() for each in self.published]})
        return 404, b""

    def token(self, form: Json, authorization: str) -> tuple[int, bytes]:
        if not self._is_client(form, authorization):
            return _json({"error": "invalid_client"}, 401)
        asked = self.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        if (
            asked is None
            or form["redirect_uri"] != asked["redirect_uri"]
            or encode(hashlib.sha256(verifier).digest()) != asked["code_challenge"]
        ):
            return _json({"error": "invalid_grant"}, 400)
        now = int(time.time())
        header = {"alg": "RS256", "typ": "JWT", "kid": self.signed_by.kid}
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        claims |= {"nonce": asked["nonce"], **self.person}
        self.wrong(header, claims)
        found = {"access_token": "x", "token_type": "Bearer", "expires_in": 300}
        return _json({**found, "id_token": sign(header, claims, self.signed_by)})

    def _is_client(self, form: Json, authorization: str) -> bool:
        if "client_secret_post" in self.methods:
            return (form["client_id"], form["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        return authorization == f"Basic {pair}"


def _json(body: Json, status: int = 200) -> tuple[int, bytes]:
    return status, json.dumps(body).encode()


@contextmanager
def provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            self._answer(*made.answers.get(self.path, made.get(self.path)))

        def do_POST(self) -> None:
            made.asked.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            found = made.token(form, self.headers.get("Authorization", ""))
            self._answer(*made.answers.get(self.path, found))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that hangs up on a body that is too long

    server = Server(("127.0.0.1", 0), Handler)
    made = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
