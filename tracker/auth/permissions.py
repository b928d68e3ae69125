"""The permission of a route, declared beside it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Permission(StrEnum):
    PUBLIC = "public"  # answered to anybody: says nothing of what is stored
    READ = "read"  # look at experiments, runs and files
    LOG = "log"  # create and change them
    REGISTER = "register"  # create and change models, their versions, tags and aliases
    APPROVE = "approve"  # decide on requests for a stage
    SHARE = "share"  # give others roles on an experiment or a model
    SELF = "self"  # one's own tokens, sessions and password: no token may
    ADMIN = "admin"  # people, rights, webhooks, policies


PUBLIC, READ, LOG = Permission.PUBLIC, Permission.READ, Permission.LOG
REGISTER, APPROVE, ADMIN = Permission.REGISTER, Permission.APPROVE, Permission.ADMIN
SHARE, SELF = Permission.SHARE, Permission.SELF

# What a token can be for. Giving others roles is part of "admin".
SCOPES = (READ, LOG, REGISTER, APPROVE, ADMIN)
EVERYTHING = frozenset(Permission)


def allow(permission: Permission) -> Callable[[View], View]:
    """Declare what a caller of this view needs. A view that declares nothing is never called."""

    def declare(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return declare


def permission_of(view: Callable[..., Any]) -> Permission | None:
    return getattr(view, "permission", None)
