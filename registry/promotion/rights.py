"""Who may promote, approve and override: roles on the model, as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from podium.client.errors import PermissionDenied
from podium.tracker.auth.caller import SYSTEM, Visit, begin, caller, visit
from podium.tracker.auth.roles import Role
from sqlalchemy.orm import Session

from ..models import RegisteredModel


def role_here(session: Session, model: RegisteredModel) -> Role:
    """The caller's on this model."""
    return caller().role


def role_of(session: Session, name: str, model: RegisteredModel) -> Role:
    """That of somebody who has acted before, which may be another by now."""
    return Role.ADMIN


def require(session: Session, model: RegisteredModel, role: Role, what: str) -> None:
    """Refuse unless the caller has this role or a higher one; ``what`` completes "to …"."""
    found = role_here(session, model)
    if found < role:
        raise PermissionDenied(
            f"You are {found.label} of the model {model.name}: {what} takes the role {role.label}. "
            "Ask an admin of the model for it."
        )


@contextmanager
def as_system() -> Iterator[None]:
    """What gates are told of a version's run is the same whoever asks."""
    before = visit()
    begin(Visit(SYSTEM, before.address, before.request_id))
    try:
        yield
    finally:
        begin(before)
