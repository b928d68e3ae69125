"""Who asks, from where and with which rights: the one answer, for every service.

The gate says so for a request; outside of one, in the worker and in commands, it is the system.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from .permissions import EVERYTHING, Permission
from .roles import Role


class CallerKind(StrEnum):
    LOCAL = "local"  # whoever is on this machine, where nobody is asked who they are
    USER = "user"
    SERVICE = "service"
    SYSTEM = "system"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Caller:
    """``name`` is what people read in histories; ``role`` is the one on everything.

    ``principals`` are the ids of the account and of its groups, to which more may have been given.
    ``scopes`` are what the token is for; a person who is here himself has all.
    """

    name: str
    kind: CallerKind = CallerKind.USER
    role: Role = Role.MEMBER
    scopes: frozenset[Permission] = frozenset()
    principals: tuple[int, ...] = ()

    @property
    def id(self) -> int | None:
        """The account's; None for callers without one."""
        return self.principals[0] if self.principals else None


@dataclass(frozen=True, slots=True)
class Visit:
    """One request: whose it is, where it came from, which id the logs know it by, and what the
    route it asks for is for.
    """

    caller: Caller
    address: str | None = None
    request_id: str | None = None
    permission: Permission | None = None
    session: int | None = None
    """The login it belongs to, if any."""


LOCAL = Caller("local", CallerKind.LOCAL, Role.ADMIN, EVERYTHING)
SYSTEM = Caller("system", CallerKind.SYSTEM, Role.ADMIN, EVERYTHING)
ANONYMOUS = Caller("anonymous", CallerKind.ANONYMOUS)

# What histories call those who have no account: no account is called so.
NOBODYS = frozenset(each.name for each in (LOCAL, SYSTEM, ANONYMOUS))

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
