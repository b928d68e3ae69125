"""Real servers for tests: each a context manager over a process in a temporary folder."""

from __future__ import annotations

import socket


class MissingService(Exception):
    """A server's binaries are not here; the text is the command that installs them."""


def free_ports(count: int) -> list[int]:
    """Loopback ports nothing listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
