"""Asking what lies outside of the database, and then deciding in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from podium.client.errors import Conflict
from podium.tracker.auth.caller import caller
from podium.tracker.db import Database
from sqlalchemy.orm import Session

from .gates import Outside, OutsideGate, Verdict
from .situation import Situation, observe

Done = TypeVar("Done")

_ATTEMPTS = 3

# Verdicts by the place of their gate in the policy.
Answers = Mapping[int, Verdict]


def decide(
    db: Database,
    work: Callable[[Session, Situation, Answers], Done],
    *,
    name: str,
    version: str | int,
    stage: str,
    outside: Outside | None,
    archive: bool | None = None,
) -> Done:
    """Do ``work`` in one transaction, with what the gates that look outside have answered before.
    ``archive`` is what is asked for where no request waits yet.

    Nothing is locked while they are asked, so what they were asked of may be another afterwards:
    then they are asked again.
    """
    for _ in range(_ATTEMPTS):
        asked_of, answers = _ask(db, (name, version, stage), outside, archive=archive)
        with db.writing() as session:
            seen = observe(session, name, version, stage, change=True)
            if not answers or seen.compared_with == asked_of:
                return work(session, seen, answers)
    raise Conflict(
        f"Version {version} of {name}, its policy or the holder of {stage} changed while it was "
        "looked at. Ask again."
    )


def _ask(
    db: Database,
    which: tuple[str, str | int, str],
    outside: Outside | None,
    *,
    archive: bool | None,
) -> tuple[object, dict[int, Verdict]]:
    if outside is None:
        return None, {}
    with db.reading() as session:
        seen = observe(session, *which)
        gates = {
            place: gate
            for place, gate in enumerate(seen.in_force.policy.gates)
            if isinstance(gate, OutsideGate)
        }
        if not gates or (seen.waiting is None and seen.has_come(archive)):
            return seen.compared_with, {}
        requester = caller().name if seen.waiting is None else seen.waiting.requester
        facts = seen.facts(session, requester)
    return seen.compared_with, {place: gate.ask(facts, outside) for place, gate in gates.items()}
