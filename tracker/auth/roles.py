"""What a person may do with an experiment or a model.

Everybody has one role on everything; on single experiments and models, and through groups, he may
have more. Rights add up: nothing that is given takes away from what somebody has elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from podium.client.errors import BadRequest

from .permissions import APPROVE, LOG, REGISTER, SHARE, Permission


class Role(IntEnum):
    """Each may do what the one before may. The database holds the numbers."""

    MEMBER = 0  # on everything: sees only what he made or was given; may make new things
    VIEWER = 1
    EDITOR = 2
    APPROVER = 3
    ADMIN = 4

    @property
    def label(self) -> str:
        return self.name.lower()

    @property
    def may_create(self) -> bool:
        """A viewer of everything has been asked to look and no more."""
        return self is not Role.VIEWER

    @classmethod
    def parse(cls, text: str, field: str = "role") -> Role:
        try:
            return cls[text.upper()]
        except KeyError:
            raise BadRequest(
                f"Invalid value {text[:40]!r} for parameter '{field}' supplied: give one of "
                f"{', '.join(role.label for role in cls)}."
            ) from None


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of thing on which roles are given; the table and route of such a thing name it."""

    name: str
    needs: Mapping[Permission, Role]

    def role_for(self, permission: Permission | None) -> Role:
        """What a route of this permission asks of its caller on each thing of this kind it uses.

        A route for something else reads it only: registering a model looks at a run.
        """
        return Role.VIEWER if permission is None else self.needs.get(permission, Role.VIEWER)


EXPERIMENT = Kind("experiment", {LOG: Role.EDITOR, SHARE: Role.ADMIN})
MODEL = Kind("model", {REGISTER: Role.EDITOR, APPROVE: Role.APPROVER, SHARE: Role.ADMIN})
KINDS = {kind.name: kind for kind in (EXPERIMENT, MODEL)}


class Guarded:
    """A mapped class with an integer ``id``, on whose rows roles of this ``kind`` are given.

    That is all it has to say: ``guard`` narrows each statement over it to what the caller may see.
    ``called`` is the column that people name such a thing by.
    """

    kind: ClassVar[Kind]
    called: ClassVar[str] = "id"
