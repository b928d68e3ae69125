"""Looking at a request as things are in one transaction: it is carried out, or goes on waiting."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass

from podium.client.errors import PermissionDenied
from podium.client.promotion import Approval, GateResult, Promotion, RequestStatus
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.auth.roles import Role
from sqlalchemy.orm import Session

from ..events import EventType
from . import carry_out
from .asking import Answers
from .closing import close_overdue
from .decision import evaluate, missing, weigh
from .gates import Facts, OutsideGate, TimedGate
from .notices import tell
from .read import promotions
from .rights import role_of
from .situation import Situation, votes_on
from .tables import RequestRow

# What waits is looked at again after a twentieth of the time that it has waited, between these;
# what only a gate outside of the database keeps waiting, after a quarter.
_SHORTEST_MS, _LONGEST_MS = 30_000, 600_000
_SHORTEST_OUTSIDE_MS, LONGEST_LOOK_MS = 60_000, 3_600_000


@dataclass(frozen=True, slots=True)
class Weighed:
    """A request against what is asked of it. ``within`` is what it lacks apart from the gates that
    look outside of the database, and ``asks`` whether there are such gates.
    """

    facts: Facts
    approvals: Sequence[Approval]
    results: Sequence[GateResult]
    waits_for: tuple[str, ...]
    within: tuple[str, ...]
    asks: bool

    @property
    def gates(self) -> str:
        """As the row of a request holds them."""
        return json.dumps([dataclasses.asdict(each) for each in self.results])


def weigh_up(session: Session, seen: Situation, row: RequestRow, answers: Answers) -> Weighed:
    policy, model = seen.in_force.policy, seen.version.registered
    facts = seen.facts(session, row.requester)
    results = evaluate(policy, facts, answers)
    votes = votes_on(session, row, model) if row.id else []
    approvals = weigh(votes, policy=policy, basis=seen.basis, requester=row.requester)
    within = [
        found
        for gate, found in zip(policy.gates, results, strict=True)
        if not isinstance(gate, OutsideGate)
    ]
    return Weighed(
        facts,
        approvals,
        results,
        missing(policy, approvals, results),
        missing(policy, approvals, within),
        len(within) < len(results),
    )


def settle(
    session: Session,
    seen: Situation,
    row: RequestRow,
    answers: Answers,
    *,
    override: str | None = None,
) -> Promotion:
    """Carry a request out, or note what it waits for."""
    refusal = lost_role(session, seen, row)
    if refusal:
        raise PermissionDenied(refusal)
    weighed = weigh_up(session, seen, row, answers)
    row.digest, row.policy = seen.basis.digest, seen.basis.policy
    row.gates = weighed.gates
    if weighed.waits_for and override is None:
        row.next_look = next_look(seen, row, weighed)
        _wait(session, seen, row)
        return promotions(session, [row])[0]
    was_waiting = row.id is not None
    row.status, row.decided, row.decided_by = RequestStatus.DONE, seen.now, caller().name
    row.reason, row.overridden = override, override is not None
    session.add(row)
    session.flush()
    if was_waiting:
        tell(session, seen.version, row, EventType.TRANSITION_REQUEST_APPROVED, row.comment)
    carry_out.promote(
        session,
        seen.version,
        stages=seen.stages,
        target=seen.target,
        archive=seen.archives(row.archive),
        comment=row.comment,
        request=row.id,
        told={
            "requester": row.requester,
            "policy": row.policy or None,
            "approvers": [each.approver for each in weighed.approvals if not each.lapsed],
            "overridden": list(weighed.waits_for) if override is not None else [],
        },
        reason=override,
    )
    return promotions(session, [row])[0]


def lost_role(session: Session, seen: Situation, row: RequestRow) -> str:
    """Why nobody may carry out what its requester has asked for; empty when he still may."""
    model = seen.version.registered
    if row.requester == caller().name or role_of(session, row.requester, model) >= Role.EDITOR:
        return ""
    return (
        f"{row.requester}, who asked for this, may not promote {model.name} any more. "
        "Reject the request and ask for it yourself."
    )


def next_look(seen: Situation, row: RequestRow, weighed: Weighed | None = None) -> int:
    """When the worker is to look at a request again, if nobody wakes it before."""
    waited = seen.now - row.created
    if weighed is not None and weighed.asks and not weighed.within:
        return seen.now + min(max(waited // 4, _SHORTEST_OUTSIDE_MS), LONGEST_LOOK_MS)
    times = [seen.now + min(max(waited // 20, _SHORTEST_MS), _LONGEST_MS)]
    if seen.freeze is not None and seen.freeze.until is not None:
        times.append(seen.freeze.until)
    if weighed is not None:
        timed = [each for each in seen.in_force.policy.gates if isinstance(each, TimedGate)]
        opens = [each.opens(weighed.facts) for each in timed]
        times += [each for each in opens if each is not None and each > seen.now]
    return min(times)


def _wait(session: Session, seen: Situation, row: RequestRow) -> None:
    version, new = seen.version, row.id is None
    if new:
        close_overdue(session, seen.version, row.stage, seen.now)
        session.add(row)
    session.flush()
    if new:
        audit.record(
            session,
            "request.create",
            f"model:{version.registered.name}/{version.version}",
            after={"request": row.id, "stage": row.stage, "policy": row.policy or None},
            reason=row.comment or None,
        )
        tell(session, version, row, EventType.TRANSITION_REQUEST_CREATED, row.comment)
