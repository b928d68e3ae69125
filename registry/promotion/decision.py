"""Whether a request is satisfied: pure, so that every way to it can be tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from podium.client.promotion import Approval, GateResult
from podium.tracker.auth.roles import Role

from .gates import Facts, Verdict, result
from .policies import Policy


@dataclass(frozen=True, slots=True)
class Basis:
    """What approvals, and answers from outside, were given for. When it changes they lapse."""

    digest: str
    policy: int


@dataclass(frozen=True, slots=True)
class Vote:
    """An approval as it is in the database; ``role`` is what its giver is on the model now."""

    approver: str
    comment: str
    created: int
    basis: Basis
    role: Role


def evaluate(
    policy: Policy, facts: Facts, answers: Mapping[int, Verdict]
) -> tuple[GateResult, ...]:
    """Every gate's result; ``answers`` holds, by their place, those that were asked before."""
    return tuple(
        result(gate, answers[place] if place in answers else gate.check(facts))
        for place, gate in enumerate(policy.gates)
    )


def weigh(
    votes: Iterable[Vote], *, policy: Policy, basis: Basis, requester: str
) -> tuple[Approval, ...]:
    """The approvals, each with the reason for which it does not count, if there is one.

    Of several by one person the newest is told; the ones before it have lapsed anyway.
    """
    newest = {vote.approver: vote for vote in sorted(votes, key=lambda each: each.created)}
    return tuple(
        Approval(
            vote.approver,
            vote.comment,
            vote.created,
            _lapsed(vote, policy=policy, basis=basis, requester=requester),
        )
        for vote in newest.values()
    )


def missing(
    policy: Policy, approvals: Iterable[Approval], results: Sequence[GateResult]
) -> tuple[str, ...]:
    """What a request still waits for, one sentence each; nothing when it is satisfied."""
    found = [f"Gate {each.gate}: {each.sentence}" for each in results if not each.passed]
    given = sum(not each.lapsed for each in approvals)
    if given < policy.approvals:
        noun = "approval" if policy.approvals == 1 else "approvals"
        found.insert(
            0,
            f"It needs {policy.approvals} {noun} by the role {policy.approver.label}; "
            f"{given or 'none'} of them {'is' if given <= 1 else 'are'} given.",
        )
    return tuple(found)


def _lapsed(vote: Vote, *, policy: Policy, basis: Basis, requester: str) -> str:
    if vote.approver == requester:
        return "It is the requester's own."
    if vote.basis.digest != basis.digest:
        return "The version's files are others than those that were approved."
    if vote.basis.policy != basis.policy:
        return "The policy has changed since."
    if vote.role < policy.approver:
        return f"{vote.approver} has not the role {policy.approver.label} any more."
    return ""
