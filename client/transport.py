"""The one door to the network: :meth:`Transport.request`. Tests override it and patch nothing.

Promises: an error is always a :class:`PodiumError` (``Unreachable`` when no answer came), whose
``retryable`` says whether to ask again; no redirect is followed; one Transport may be used by many
threads.

This module takes longer to import than the rest of the client, so it is left to the session, which
the first run makes in its own thread. Here all is imported at once: a fork during an import in the
sender's thread would leave the child with half a module.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  (socket imports it when it looks a name up)
import json as jsonlib
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from selectors import EVENT_READ, DefaultSelector
from threading import Lock
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from . import errors
from .version import __version__

CONNECT_TIMEOUT = 5.0
TIMEOUT = 10.0
_BLOCK = 1 << 18
_MAX_IDLE = 8
_MAX_ERROR = 20_000
# Statuses that say something of the server or the proxy before it, whatever their body is.
_PLAIN_TEXT_STATUSES = (401, 403, 407, 408, 413, 429)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request that succeeded; header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        try:
            found = jsonlib.loads(self.body) if self.body else {}
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise errors.Unreachable(
                f"The answer is no JSON object but {self.body[:80]!r}, not as a Podium server "
                "answers. Check PODIUM_TRACKING_URI."
            )
        return found


class Transport:
    def __init__(self, uri: str, token: str | None = None) -> None:
        self.uri = uri
        self._token = token
        self._lock = Lock()
        self._idle: dict[str, list[HTTPConnection]] = {}
        self._tls_context: ssl.SSLContext | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> Reply:
        """Send a request and return the answer to it, or raise.

        ``path`` is one of the server, or a presigned ``http(s)://`` URL, which gets no token of
        ours. ``body`` is bytes or a file, which is streamed and needs a Content-Length header.
        """
        foreign = path.startswith(("http://", "https://"))
        sent = {"User-Agent": f"podium-client/{__version__}", **(headers or {})}
        if self._token and not foreign:
            sent["Authorization"] = f"Bearer {self._token}"
        if json is not None:
            body = jsonlib.dumps(json, allow_nan=False).encode()
            sent["Content-Type"] = "application/json"
        url = path if foreign else self.uri + path
        if query:
            url += "?" + urlencode(query, doseq=True)
        status, answered, data = self._exchange(method, urlsplit(url), body, sent, timeout)
        if status >= 300:
            raise self._error(status, answered, data, foreign=foreign)
        return Reply(answered, data)

    def close(self) -> None:
        """Close the connections that wait for the next request; another request opens new ones."""
        with self._lock:
            connections = [each for idle in self._idle.values() for each in idle]
            self._idle.clear()
        for connection in connections:
            connection.close()

    def _exchange(
        self,
        method: str,
        url: SplitResult,
        body: Any,
        headers: Mapping[str, str],
        timeout: float,
    ) -> tuple[int, Mapping[str, str], bytes]:
        proxy = proxy_for(url)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        if proxy is not None and url.scheme == "http":
            target, headers = url.geturl(), {**headers, **_proxy_headers(proxy)}
        connection, reused = self._take(url), True
        try:
            if connection is None:
                connection, reused = self._open(url, proxy, min(CONNECT_TIMEOUT, timeout)), False
                connection.connect()
            connection.sock.settimeout(timeout)
            response = _answer(connection, method, target, body, headers)
            data = response.read(_MAX_ERROR) if response.status >= 300 else response.read()
        except (HTTPException, OSError, ValueError) as error:
            if connection is not None:
                connection.close()
            # The server may have closed a connection that was idle: that says nothing of it.
            if reused and isinstance(error, ConnectionError) and isinstance(body, bytes | None):
                self.close()
                return self._exchange(method, url, body, headers, timeout)
            where = f"{url.scheme}://{url.netloc}"  # no query: a presigned URL's is a secret
            reason = str(error) or type(error).__name__
            raise errors.Unreachable(f"{where} cannot be reached: {reason}.") from error
        if response.will_close or not response.isclosed():
            connection.close()
        else:
            self._keep(url, connection)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return response.status, headers, data

    def _open(self, url: SplitResult, proxy: SplitResult | None, timeout: float) -> HTTPConnection:
        host, port = (proxy or url).hostname or "", (proxy or url).port
        if url.scheme == "http":
            return HTTPConnection(host, port, timeout=timeout, blocksize=_BLOCK)
        connection = HTTPSConnection(
            host, port, timeout=timeout, blocksize=_BLOCK, context=self._tls()
        )
        if proxy is not None:
            connection.set_tunnel(url.hostname or "", url.port or 443, _proxy_headers(proxy))
        return connection

    def _tls(self) -> ssl.SSLContext:
        # No cached_property: before Python 3.12 it holds a lock, which a fork may copy locked.
        if self._tls_context is None:
            self._tls_context = ssl.create_default_context()
        return self._tls_context

    def _take(self, url: SplitResult) -> HTTPConnection | None:
        """A connection left open by an earlier request."""
        while True:
            with self._lock:
                idle = self._idle.get(f"{url.scheme}://{url.netloc}")
                connection = idle.pop() if idle else None
            if connection is None or not _dropped(connection):
                return connection
            connection.close()

    def _keep(self, url: SplitResult, connection: HTTPConnection) -> None:
        with self._lock:
            idle = self._idle.setdefault(f"{url.scheme}://{url.netloc}", [])
            if len(idle) < _MAX_IDLE:
                idle.append(connection)
                return
        connection.close()

    def _error(
        self, status: int, headers: Mapping[str, str], data: bytes, *, foreign: bool
    ) -> errors.PodiumError:
        """Turn an answer of status 300 and above into the error it stands for."""
        text = data.decode(errors="replace")
        try:
            body = jsonlib.loads(text)
        except ValueError:
            body = None
        retry_after = _retry_after(headers.get("retry-after"))
        if isinstance(body, dict) and "error_code" in body:
            return errors.from_response(status, body, retry_after=retry_after)
        if foreign or status in _PLAIN_TEXT_STATUSES or status >= 500:
            shown = " ".join(text.split())[:300]
            return errors.from_response(status, shown, retry_after=retry_after)
        moved = headers.get("location")
        hint = f" It points to {moved}." if moved else ""
        return errors.Unreachable(
            f"{self.uri} answers with status {status} and "
            f"{headers.get('content-type', 'no content type')}, not as a Podium server "
            f"does.{hint} Check PODIUM_TRACKING_URI."
        )


def _answer(
    connection: HTTPConnection, method: str, target: str, body: Any, headers: Mapping[str, str]
) -> HTTPResponse:
    try:
        connection.request(method, target, body=body, headers=dict(headers))
    except (BrokenPipeError, ConnectionResetError):
        # A server that refuses a large body answers, and closes, before it has read all of it.
        try:
            return connection.getresponse()
        except Exception as nothing:
            raise ConnectionResetError("the connection was closed during the request") from nothing
    return connection.getresponse()


def _dropped(connection: HTTPConnection) -> bool:
    """Whether an idle connection has something to read: its end, or what belongs to no request."""
    with DefaultSelector() as selector:
        selector.register(connection.sock, EVENT_READ)
        return bool(selector.select(0))


def proxy_for(url: SplitResult) -> SplitResult | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or the system) name for this address."""
    proxy = getproxies().get(url.scheme)
    if not proxy or proxy_bypass(url.netloc):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": "Basic " + b64encode(user.encode()).decode()}


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, which is a number or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
