"""Who asks, from where: what every service may know of whose work it does.

The gate says so for a request; outside of one, in the worker and in commands, it is the system.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum


class CallerKind(StrEnum):
    LOCAL = "local"  # whoever is on this machine, where nobody is asked who they are
    USER = "user"
    SERVICE = "service"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """``name`` is what people read in histories."""

    name: str
    kind: CallerKind = CallerKind.USER


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: whose it is, the address it came from and the id that the logs know it by."""

    caller: Caller
    address: str | None = None
    request_id: str | None = None


LOCAL = Caller("local", CallerKind.LOCAL)
SYSTEM = Caller("system", CallerKind.SYSTEM)
ANONYMOUS = Caller("anonymous", CallerKind.ANONYMOUS)

_NO_REQUEST = Visit(SYSTEM)
_current: ContextVar[Visit] = ContextVar("podium_visit", default=_NO_REQUEST)


def caller() -> Caller:
    """Whose request is being answered."""
    return _current.get().caller


def visit() -> Visit:
    return _current.get()


def begin(new: Visit) -> None:
    """From here on this thread works for ``new``'s caller."""
    _current.set(new)


def end() -> None:
    """From here on this thread works for nobody but the system."""
    _current.set(_NO_REQUEST)
