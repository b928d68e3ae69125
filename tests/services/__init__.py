"""Real servers for tests: each a context manager over a process in a temporary folder."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, suppress


class MissingService(Exception):
    """A server's binaries are not here; the text is the command that installs them."""


# Below those that systems give to whoever connects, and to a Kubernetes' NodePorts: a port that
# is free now is taken by nobody before its server has started.
_PORTS = range(11_000, 30_000)
_chance = random.SystemRandom()  # Hypothesis gives the shared one the same seed in every process


def loopback() -> str:
    """How addresses begin that are most likely used by no other tests of this machine: 127.N."""
    return f"127.{_chance.randrange(16, 256)}"


def free_ports(count: int) -> list[int]:
    """Loopback ports nothing listens on, all different."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = _chance.choice(_PORTS)
            each = held.enter_context(socket.socket())
            with suppress(OSError):
                each.bind(("127.0.0.1", port))
                found.append(port)
    return found
