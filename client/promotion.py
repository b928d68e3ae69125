"""What the server tells of promotions: requests, the verdicts of gates, approvals, history.

Times are milliseconds since the Unix epoch; names of people are as the server knows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class RequestStatus(StrEnum):
    WAITING = "WAITING"
    DONE = "DONE"
    REJECTED = "REJECTED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


class TransitionKind(StrEnum):
    """Why a version changed its stage.

    MOVED is what somebody asked for, a promotion mostly; REPLACED is the way out of those whose
    place it took. ROLLED_BACK and TAKEN_BACK are the same two of a rollback.
    """

    MOVED = "MOVED"
    REPLACED = "REPLACED"
    ROLLED_BACK = "ROLLED_BACK"
    TAKEN_BACK = "TAKEN_BACK"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate found: ``compared`` holds the numbers, ``sentence`` says it to a person."""

    gate: str
    passed: bool
    sentence: str
    compared: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approval:
    """``lapsed`` says why it does not count any more; empty when it does."""

    approver: str
    comment: str
    created: int
    lapsed: str = ""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A request that a version be in ``stage``, which it had or had not to wait for.

    ``id`` is 0 where the version was in the stage already. ``waits_for`` says what is missing, one
    sentence each. ``archived`` are the versions that had to leave the stage for it.
    """

    id: int
    name: str
    version: int
    stage: str
    before: str
    status: RequestStatus
    requester: str
    comment: str
    created: int
    digest: str = ""
    policy: int | None = None
    approvals_required: int = 0
    approvals: tuple[Approval, ...] = ()
    gates: tuple[GateResult, ...] = ()
    waits_for: tuple[str, ...] = ()
    expires: int | None = None
    decided: int | None = None
    decided_by: str | None = None
    reason: str | None = None
    overridden: bool = False
    archived: tuple[int, ...] = ()

    @property
    def done(self) -> bool:
        return self.status == RequestStatus.DONE

    @property
    def waiting(self) -> bool:
        return self.status == RequestStatus.WAITING


@dataclass(frozen=True, slots=True)
class Transition:
    """A version's way from one stage to another. ``request`` is the id of what led to it."""

    id: int
    name: str
    version: int
    before: str
    after: str
    kind: TransitionKind
    actor: str
    at: int
    digest: str = ""
    comment: str = ""
    request: int | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """Said of a version or, where ``request`` is given, of a request for it."""

    id: int
    name: str
    version: int
    author: str
    comment: str
    created: int
    request: int | None = None
