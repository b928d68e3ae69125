"""One POST to a receiver that may be anything: slow, endless, dead, or a trap.

It never raises for what the receiver does. No redirect is followed and no proxy of the environment
used, since the address that is checked would then not be the one that is reached.
"""

from __future__ import annotations

import email.utils
import http.client
import math
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from podium.client.version import __version__

from .guard import Guard
from .reach import Refused, left, reach

MAX_READ = 64 * 1024
TOTAL = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Message:
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of it. Without a ``status`` there was no answer, and ``error`` says why."""

    status: int | None
    ms: int
    error: str = ""
    body: str = ""
    retry_after: float | None = None  # seconds

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Session(Protocol):
    def send(self, message: Message) -> Answer: ...


class Sender(Protocol):
    def session(self) -> AbstractContextManager[Session]:
        """For messages that leave one after another, mostly to one receiver."""


class _Stale(Exception):
    """A connection that was kept and that the receiver has closed meanwhile."""


_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class HttpSender:
    """``total`` bounds everything from the look-up of the name to the last byte read: however many
    addresses there are, however it drips, and if it begins anew over another connection.
    """

    def __init__(
        self, guard: Guard, *, connect: float = 5, read: float = 10, total: float = TOTAL
    ) -> None:
        self._guard = guard
        self._connect, self._read, self.total = connect, read, total
        self._tls: ssl.SSLContext | None = None

    def send(self, message: Message) -> Answer:
        """One message by itself."""
        with self.session() as session:
            return session.send(message)

    @contextmanager
    def session(self) -> Iterator[Session]:
        session = _HttpSession(self)
        try:
            yield session
        finally:
            session.close()

    def exchange(self, connection: _Connection, message: Message, end: float) -> Answer:
        """``end`` is when all must be over, by the monotonic clock."""
        try:
            with _deadline(connection, end):
                if connection.sock is None:
                    connection.open(self, end)
                return self._exchange(connection, message)
        except (OSError, http.client.HTTPException, Refused, ValueError) as error:
            if connection.answered and not connection.was_cut and isinstance(error, _STALE):
                raise _Stale from None
            return Answer(None, 0, error=self._reason(error, connection, end))

    def reach(self, url: SplitResult, end: float) -> socket.socket:
        made = reach(self._guard, url, each=self._connect, end=end)
        made.settimeout(self._read)
        return made

    def encrypted(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)

    def _exchange(self, connection: _Connection, message: Message) -> Answer:
        url = connection.url
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", target, message.body, _headers(url, message))
        response = connection.getresponse()
        if connection.was_cut:  # http.client takes the headers that came for all there are
            raise TimeoutError
        connection.answered = True
        body = b""
        # The status has said what became of the message; the rest is for people.
        with suppress(OSError, http.client.HTTPException):
            body = response.read(MAX_READ)
        if not response.isclosed():
            connection.close()  # more would come: the next answer could not be told from it
        note = "the answer's body did not end" if connection.was_cut else ""
        text = body.decode("utf-8", "replace").replace("\0", "")
        after = _retry_after(response.getheader("Retry-After"))
        return Answer(response.status, 0, error=note, body=text, retry_after=after)

    def _reason(self, error: Exception, connection: _Connection, end: float) -> str:
        if connection.was_cut or time.monotonic() >= end:
            return f"no whole answer within {self.total:g} s"
        if isinstance(error, TimeoutError):
            return f"no answer: connecting may take {self._connect:g} s, each wait {self._read:g} s"
        if isinstance(error, socket.gaierror):
            return f"{connection.url.hostname} has no address: {error.strerror}"
        return str(error) or type(error).__name__


class _HttpSession:
    """Keeps the connection to the receiver, whose address was checked when it was made."""

    def __init__(self, sender: HttpSender) -> None:
        self._sender = sender
        self._kept: _Connection | None = None

    def send(self, message: Message) -> Answer:
        started = time.monotonic()
        end = started + self._sender.total
        url = urlsplit(message.url)
        if self._kept is not None and self._kept.place != (url.scheme, url.netloc):
            self.close()
        try:
            found = self._exchange(url, message, end)
        except _Stale:  # which says nothing of this message
            self.close()
            found = self._exchange(url, message, end)
        return replace(found, ms=round((time.monotonic() - started) * 1000))

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _exchange(self, url: SplitResult, message: Message, end: float) -> Answer:
        if self._kept is None:
            self._kept = _Connection(url)
        self._kept.url = url
        found = self._sender.exchange(self._kept, message, end)
        if found.status is None or self._kept.sock is None or self._kept.was_cut:
            self.close()
        return found


class _Connection(http.client.HTTPConnection):
    """Over a socket that was checked; :meth:`cut` ends it from another thread.

    ``answered``: it has brought an answer already.
    """

    def __init__(self, url: SplitResult) -> None:
        super().__init__(url.hostname or "")
        self.url = url
        self.place = (url.scheme, url.netloc)
        self.was_cut = self.answered = False

    def open(self, sender: HttpSender, end: float) -> None:
        plain = sender.reach(self.url, end)
        self._have(plain)
        if self.url.scheme == "https":
            encrypted = sender.encrypted(plain, self.url.hostname or "")
            self._have(encrypted)
            encrypted.do_handshake()

    def _have(self, made: socket.socket) -> None:
        self.sock = made
        if self.was_cut:  # perhaps before there was anything to cut
            raise TimeoutError

    def connect(self) -> None:
        raise Refused("a second connection was asked for")

    def cut(self) -> None:
        self.was_cut = True
        open_socket: socket.socket | None = self.sock
        if open_socket is not None:
            with suppress(OSError):  # it may have ended by itself
                # Of the plain socket: TLS's own method changes what the other thread is reading.
                socket.socket.shutdown(open_socket, socket.SHUT_RDWR)


@contextmanager
def _deadline(connection: _Connection, end: float) -> Iterator[None]:
    timer = threading.Timer(left(end), connection.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _headers(url: SplitResult, message: Message) -> dict[str, str]:
    return {
        "Host": url.netloc,
        "User-Agent": f"Podium/{__version__}",
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        **message.headers,
    }


def _retry_after(written: str | None) -> float | None:
    """Seconds; the header holds them or a date."""
    if written is None:
        return None
    try:
        seconds = float(written)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(written).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
