"""What is done in the transaction of a promotion or a rollback besides: launches, for one.

A hook writes rows and nothing else: what it raises undoes the promotion, and what it does elsewhere
would stay when the promotion is undone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from podium.client.promotion import Transition
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Decided:
    """``entered`` is the way of the version that has the stage now, ``left`` of those that had it.

    Where a rollback leaves the stage to who is in it besides, ``entered`` is None.
    """

    name: str
    stage: str
    entered: Transition | None
    left: tuple[Transition, ...]


Hook = Callable[[Session, Decided], None]

HOOKS: list[Hook] = []


def call_hooks(session: Session, decided: Decided) -> None:
    for hook in HOOKS:
        hook(session, decided)
