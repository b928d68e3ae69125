"""Policies: what it takes to bring a version of certain models to a stage.

The policy of a model and stage is the one whose glob says most about the model's name; where there
is none, whoever may change the model may promote, as in MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podium.client.errors import BadRequest, NotFound
from podium.client.rules import shown
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.auth.roles import Role
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..read import find_model
from .gates import Gate
from .gates.reading import parse_gate, render_gate
from .globs import check_glob, closest
from .locks import lock_rules
from .stage_sets import known_stage
from .tables import PolicyRow
from .waking import wake_all

MAX_APPROVALS = 20
MAX_GATES = 30
MAX_HOURS = 24.0 * 365
_EXPIRES_AFTER = 24.0 * 14
_FIELDS = ("approvals", "approver", "gates", "archive", "expires_after_hours")


@dataclass(frozen=True, slots=True)
class Policy:
    """``approvals`` are of people with the role ``approver`` on the model or a higher one, never of
    the requester. ``archive`` decides what becomes of former holders; None leaves it to who asks.
    """

    approvals: int = 0
    approver: Role = Role.APPROVER
    gates: tuple[Gate, ...] = ()
    archive: bool | None = None
    expires_after_hours: float | None = _EXPIRES_AFTER


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy with where it is from. ``revision`` is another after each change, and 0 for none."""

    policy: Policy
    revision: int = 0
    glob: str = ""
    stage: str = ""
    author: str = ""
    created: int = 0


NONE = InForce(Policy())


def policy_of(session: Session, name: str, stage: str) -> InForce:
    """What holds for this model and stage now."""
    rows = {row.glob: row for row in session.scalars(_in_force().where(PolicyRow.stage == stage))}
    found = closest(rows, name)
    return NONE if found is None else _told(rows[found])


def effective_policies(db: Database, name: str) -> list[InForce]:
    """Those that hold for a model, one a stage that has any."""
    with db.reading() as session:
        find_model(session, name)
        return policies_of(session, name)


def policies_of(session: Session, name: str) -> list[InForce]:
    """Those of :func:`policy_of`, for every stage."""
    rows = list(session.scalars(_in_force()))
    found = []
    for stage in sorted({row.stage for row in rows}):
        of_stage = {row.glob: row for row in rows if row.stage == stage}
        glob = closest(of_stage, name)
        if glob is not None:
            found.append(_told(of_stage[glob]))
    return found


def list_policies(db: Database) -> list[InForce]:
    with db.reading() as session:
        return [_told(row) for row in session.scalars(_in_force())]


def set_policy(db: Database, glob: str, stage: str, told: Mapping[str, Any]) -> InForce:
    """Let this hold from now on. Approvals given under another revision lapse."""
    check_glob(glob)
    rules = render(parse(told))
    with db.writing() as session:
        lock_rules(session)
        stage = known_stage(session, stage)
        before = _retire(session, glob, stage)
        row = PolicyRow(
            glob=glob,
            stage=stage,
            rules=json.dumps(rules),
            author=caller().name,
            created=now_ms(),
        )
        session.add(row)
        session.flush()
        wake_all(session)
        audit.record(session, "policy.set", _subject(glob, stage), before=before, after=rules)
        return _told(row)


def delete_policy(db: Database, glob: str, stage: str) -> None:
    with db.writing() as session:
        lock_rules(session)
        before = _retire(session, glob, stage)
        if before is None:
            raise NotFound(f"No policy is set for models {shown(glob)} and stage {shown(stage)}.")
        wake_all(session)
        audit.record(session, "policy.delete", _subject(glob, stage), before=before)


def parse(told: Mapping[str, Any]) -> Policy:
    unknown = sorted(set(told) - set(_FIELDS))
    if unknown:
        raise BadRequest(f"A policy has no {unknown[0]!r}; it has {', '.join(_FIELDS)}.")
    approvals = told.get("approvals", 0)
    if isinstance(approvals, bool) or not isinstance(approvals, int):
        raise BadRequest(f"'approvals' is {shown(approvals)}: give a whole number.")
    if not 0 <= approvals <= MAX_APPROVALS:
        raise BadRequest(f"'approvals' is {approvals}: give 0 to {MAX_APPROVALS}.")
    approver = Role.parse(str(told.get("approver") or Role.APPROVER.label), "approver")
    if approver < Role.APPROVER:
        raise BadRequest(f"'approver' is {approver.label}: give approver or admin.")
    gates = told.get("gates") or ()
    if not isinstance(gates, Sequence) or isinstance(gates, str) or len(gates) > MAX_GATES:
        raise BadRequest(f"'gates' must be a list of at most {MAX_GATES} gates.")
    archive = told.get("archive")
    if archive is not None and not isinstance(archive, bool):
        raise BadRequest("'archive' must be true or false, or left out.")
    return Policy(
        approvals,
        approver,
        tuple(parse_gate(each, f"gates[{index}]") for index, each in enumerate(gates)),
        archive,
        _hours(told),
    )


def render(policy: Policy) -> dict[str, Any]:
    return {
        "approvals": policy.approvals,
        "approver": policy.approver.label,
        "gates": [render_gate(gate) for gate in policy.gates],
        "archive": policy.archive,
        "expires_after_hours": policy.expires_after_hours,
    }


def _hours(told: Mapping[str, Any]) -> float | None:
    """None is never; left out is two weeks."""
    hours = told.get("expires_after_hours", _EXPIRES_AFTER)
    if hours is None:
        return None
    if isinstance(hours, bool) or not isinstance(hours, int | float):
        raise BadRequest(f"'expires_after_hours' is {shown(hours)}: give a number, or null.")
    if not 0 < hours <= MAX_HOURS:
        raise BadRequest(f"'expires_after_hours' must be more than 0 and at most {MAX_HOURS:g}.")
    return float(hours)


def _in_force() -> Any:
    return (
        select(PolicyRow)
        .where(PolicyRow.retired.is_(None))
        .order_by(PolicyRow.stage, PolicyRow.glob)
    )


def _retire(session: Session, glob: str, stage: str) -> dict[str, Any] | None:
    """End what holds now; its rules, if there is any."""
    row = session.scalar(_in_force().where(PolicyRow.glob == glob, PolicyRow.stage == stage))
    if row is None:
        return None
    row.retired = now_ms()
    session.flush()
    found: dict[str, Any] = json.loads(row.rules)
    return found


def _told(row: PolicyRow) -> InForce:
    return InForce(
        parse(json.loads(row.rules)), row.id, row.glob, row.stage, row.author, row.created
    )


def _subject(glob: str, stage: str) -> str:
    return f"policy:{glob}/{stage}"
