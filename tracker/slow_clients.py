"""Gunicorn's threads, which wait for no client without end.

Its own wait for the bytes of a request, and for an answer to be taken, as long as a client likes:
a few who say half a line hold all threads. Here a head has so many seconds in all. With a body or
an answer a client may take his time, as long as something moves: each wait is taken from
``PATIENCE``, and what arrives gives it back.
"""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress
from typing import Any, Self

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

HEAD = 20.0  # seconds
PATIENCE = 60.0  # seconds
# Bytes a second below which a body is no progress: a modem of 1995 sent six times as much.
_SLOWEST = 500
# A socket with megabytes in its buffer takes more only when a third of them has gone, which can be
# a minute at a slow client: then it would seem to stall.
_UNSENT = 128 * 1024
_FAREWELL = 2.0  # seconds


class Connection(socket.socket):
    """Where gunicorn says that it may block, it may block for as long as it is bearable."""

    head_read = False
    given_up = False
    _left = PATIENCE

    @classmethod
    def of(cls, accepted: socket.socket) -> Self:
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        made = cls(family, kind, protocol, fileno=accepted.detach())
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        return made

    def expect_head(self) -> None:
        self._left, self.head_read = HEAD, False

    def expect_body(self) -> None:
        self._left, self.head_read = PATIENCE, True

    def setblocking(self, flag: bool, /) -> None:
        self.settimeout(PATIENCE if flag else 0.0)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        allowed = self.gettimeout()
        if not allowed:
            return super().recv(size, flags)
        patience = min(allowed, self._left)
        if self.given_up or patience <= 0:
            raise self._stalls()
        if patience < allowed:
            self.settimeout(patience)
        began = time.monotonic()
        try:
            data = super().recv(size, flags)
        except TimeoutError:
            if patience < self._left:  # whoever set it waits for less
                raise
            raise self._stalls() from None
        finally:
            if patience < allowed:
                self.settimeout(allowed)
        self._left -= time.monotonic() - began
        if self.head_read:
            self._left = min(PATIENCE, self._left + len(data) / _SLOWEST)
        return data

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        # Python's counts the time for all of it, however well it goes.
        left = memoryview(data)
        while left:
            try:
                sent = self.send(left, flags)
            except TimeoutError:
                raise self._stalls() from None
            left = left[sent:]

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        try:
            return super().sendfile(file, offset, count)
        except TimeoutError:
            raise self._stalls() from None

    def _stalls(self) -> OSError:
        """As if he had hung up, which gunicorn and the views know what to do about."""
        self.given_up = True
        return ConnectionResetError(errno.ECONNRESET, "The client stalls.")


class Worker(ThreadWorker):  # type: ignore[misc]
    """One that lets go of clients who stall."""

    def accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        at = listener.getsockname()
        self.enqueue_req(_Client(self.cfg, Connection.of(accepted), address, at))

    def init_process(self) -> None:
        # After the fork: the metrics of several processes are kept in files, one a process.
        from .instruments import HTTP_WAITS

        self._waited = HTTP_WAITS.observe
        super().init_process()

    def enqueue_req(self, conn: _Client) -> None:
        conn.queued = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: _Client) -> Any:
        self._waited(time.monotonic() - conn.queued)
        conn.sock.expect_head()
        goes_on = super().handle(conn)
        if not goes_on:
            conn.leave()
        return goes_on

    def handle_request(self, req: Any, conn: _Client) -> Any:
        conn.sock.expect_body()
        # What is left of a body that broke off must not be read as the next request.
        return super().handle_request(req, conn) and not conn.sock.given_up


class _Client(TConn):  # type: ignore[misc]
    queued = 0.0
    """When it last had something to say, and began to wait for a thread."""

    def close(self, graceful: bool = False) -> None:
        """At once: the loop that serves everybody calls it, and has no time for farewells."""
        util.close(self.sock)

    def leave(self) -> None:
        """Let a client who is still sending read the answer before his connection is reset."""
        until = time.monotonic() + _FAREWELL
        with suppress(OSError):
            if not (self.sock.head_read and self.parser.finish_body(deadline=until)):
                util.close_graceful(self.sock, timeout=_FAREWELL)
