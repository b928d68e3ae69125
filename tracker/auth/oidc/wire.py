"""Asking the provider over HTTP: soon, not much, and nobody else.

No redirect is followed and no proxy of the environment used: the address asked is the one that was
configured, or that the provider's own document names.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import urllib3
from podium.client.errors import Unavailable
from podium.client.version import __version__

Json = dict[str, Any]

MAX_BODY = 1024 * 1024
_WAIT = urllib3.Timeout(connect=3, read=5)
_TOTAL = 10.0
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """In the shape that Authlib's client reads."""

    url: str
    status_code: int
    body: bytes

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def raise_for_status(self) -> None:
        if self.status_code >= 400:
            raise away(self.url, f"it answered {self.status_code}")


class ClientAuth(Protocol):
    """Authlib's: it puts the client's id and secret where the provider looks for them."""

    def prepare(
        self, method: str, uri: str, headers: dict[str, str], body: str
    ) -> tuple[str, dict[str, str], str]: ...


class Wire:
    """Every failure is :class:`Unavailable`, in words for who wanted to sign in."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(timeout=_WAIT, retries=False, maxsize=2)

    def get(self, url: str) -> Json:
        answer = self._ask("GET", url, {"Accept": "application/json"})
        if answer.status_code != 200:
            raise away(url, f"it answered {answer.status_code}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise away(url, "its answer is no JSON object")
        return found

    def post(
        self, url: str, *, data: Json, headers: dict[str, str], auth: ClientAuth, **_: Any
    ) -> Answer:
        """As Authlib's client calls it, with the method and place of the client's secret."""
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return self._ask("POST", url, headers, body)

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: str | None = None
    ) -> Answer:
        until = time.monotonic() + _TOTAL
        headers = {"User-Agent": f"podium/{__version__}", **headers}
        try:
            response = self._pool.request(
                method, url, headers=headers, body=body, redirect=False, preload_content=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise away(url, type(error).__name__) from None
        read = b""
        try:
            while chunk := response.read1(_CHUNK):
                read += chunk
                if len(read) > MAX_BODY:
                    raise away(url, f"its answer has more than {MAX_BODY} bytes")
                if time.monotonic() > until:
                    raise away(url, f"no whole answer within {_TOTAL:g} s")
        except urllib3.exceptions.HTTPError as error:
            raise away(url, type(error).__name__) from None
        finally:
            response.close()
        return Answer(url, response.status, read)


def away(url: str, why: str) -> Unavailable:
    return Unavailable(
        f"{urlsplit(url).netloc} cannot be asked who you are now: {why}. Try again after a while; "
        "who has a password can sign in with it.",
        retry_after=10,
    )
