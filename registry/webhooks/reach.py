"""A connection to a receiver, in time: to the first permitted address of its host that takes one.

What is judged is the address of the socket, before it connects and once it has, and not the name.
"""

from __future__ import annotations

import socket
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import SplitResult

from .guard import Guard

_Address = tuple[socket.AddressFamily, socket.SocketKind, int, Any]


class Refused(Exception):
    """An address that a webhook may not reach."""


def reach(guard: Guard, url: SplitResult, *, each: float, end: float) -> socket.socket:
    """Within ``each`` seconds an address, and all of them before ``end`` of the monotonic clock."""
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    failure: Exception = Refused(f"{host} has no address")
    for family, kind, protocol, address in _addresses(host, port, end):
        seconds = min(each, left(end))
        made = socket.socket(family, kind, protocol)
        try:
            _check(guard, str(address[0]), url)
            # Head and body are two writes: the second must not wait until the first is seen.
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.settimeout(seconds)
            made.connect(address)
            _check(guard, made.getpeername()[0], url)
        except (OSError, Refused) as error:
            made.close()
            failure = error
        else:
            return made
    raise failure


def left(end: float) -> float:
    """Seconds; raises :class:`TimeoutError` when there are none."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _addresses(host: str, port: int, end: float) -> list[_Address]:
    """The system's resolver takes no limit and may ask for minutes: then it is left behind."""
    found = SimpleQueue[list[_Address] | Exception]()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            found.put(error)
        else:
            found.put([(*row[:3], row[4]) for row in rows])

    threading.Thread(target=look_up, name="podium-webhook-name", daemon=True).start()
    try:
        answer = found.get(timeout=left(end))
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _check(guard: Guard, address: str, url: SplitResult) -> None:
    if not guard.permits(address):
        raise Refused(
            f"{url.hostname} is at {address}, which is not on the public Internet. "
            "Its network must be listed in PODIUM_WEBHOOK_ALLOW."
        )
    if url.scheme != "https" and not guard.lists(address):
        raise Refused(
            f"{url.hostname} is at {address}: without https only networks listed in "
            "PODIUM_WEBHOOK_ALLOW are reached."
        )
