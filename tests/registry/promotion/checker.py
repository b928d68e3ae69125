"""What must be true of a model's past, whatever was done at once and whoever was killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from podium.client.promotion import Transition, TransitionKind
from podium.registry import versions
from podium.registry.models import RegisteredModel
from podium.registry.outbox import OutboxEvent
from podium.registry.promotion import history
from podium.registry.promotion.tables import RequestRow
from podium.registry.read import find_model
from podium.tracker import audit
from podium.tracker.audit.table import AuditRow
from podium.tracker.db import Database
from sqlalchemy import select

_ENDS = {
    "DONE": "TRANSITION_REQUEST_APPROVED",
    "REJECTED": "TRANSITION_REQUEST_REJECTED",
    "WITHDRAWN": "TRANSITION_REQUEST_WITHDRAWN",
    "EXPIRED": "TRANSITION_REQUEST_EXPIRED",
}


def check_history(db: Database, name: str, *exclusive: str) -> list[Transition]:
    """Replayed from the beginning, no two ever hold such a stage, no version leaves a stage it was
    not in, time never falls, and the end is what the versions say.
    """
    with db.reading() as session:
        steps = history.steps_of(session, find_model(session, name))
    where: dict[int, str] = {}
    clock = 0
    for step in steps:
        assert where.get(step.version, "None") == step.before, step
        where[step.version] = step.after
        for stage in exclusive:
            assert list(where.values()).count(stage) <= 1, step
        assert step.at >= clock
        clock = step.at
    for each in versions.search_versions(db, filter=f"name = '{name}'").items:
        assert where.get(each.version, "None") == each.stage
    return steps


def check_events(db: Database, name: str, steps: list[Transition]) -> None:
    """Every step was told of once and in its order; a request begins once and ends once."""
    told = _events(db, name)
    moved = [
        (int(data["version"]), data["from_stage"], data["to_stage"])
        for kind, data in told
        if kind == "MODEL_VERSION_TRANSITIONED_STAGE"
    ]
    made = [step for step in steps if step.kind is not TransitionKind.DELETED]
    assert moved == [(step.version, step.before, step.after) for step in made]
    of_requests = Counter(
        (int(data["request_id"]), kind) for kind, data in told if "request_id" in data
    )
    assert set(of_requests.values()) <= {1}, of_requests
    begun = {number for number, kind in of_requests if kind == "TRANSITION_REQUEST_CREATED"}
    ended = {number: kind for number, kind in of_requests if kind in _ENDS.values()}
    assert len(ended) == len(of_requests) - len(begun)
    assert set(ended) <= begun, "what was done at once is no request to the world"
    for number, status in _requests(db, name).items():
        assert ended.get(number) == (_ENDS.get(status) if number in begun else None), number


def check_audit(db: Database, name: str, steps: list[Transition]) -> None:
    """The chain holds, and every promotion is in it once, under its request's number."""
    assert audit.verify(db).broken is None
    with db.reading() as session:
        rows = session.scalars(
            select(AuditRow)
            .where(
                AuditRow.action == "version.promote", AuditRow.subject.startswith(f"model:{name}/")
            )
            .order_by(AuditRow.id)
        ).all()
    audited = [(int(row.subject.rpartition("/")[2]), json.loads(row.after or "{}")) for row in rows]
    came = [step for step in steps if step.kind is TransitionKind.MOVED]
    assert [(version, after["request"], after["stage"]) for version, after in audited] == [
        (step.version, step.request, step.after) for step in came
    ]
    numbers = [step.request for step in came]
    assert len(set(numbers)) == len(numbers), "each request is carried out once"
    done = {number for number, status in _requests(db, name).items() if status == "DONE"}
    assert done == set(numbers)


def _events(db: Database, name: str) -> list[tuple[str, Mapping[str, Any]]]:
    with db.reading() as session:
        rows = session.execute(select(OutboxEvent.type, OutboxEvent.data).order_by(OutboxEvent.id))
        told = [(kind, json.loads(data)) for kind, data in rows]
    return [(kind, data) for kind, data in told if data.get("name") == name]


def _requests(db: Database, name: str) -> dict[int, str]:
    with db.reading() as session:
        rows = session.execute(
            select(RequestRow.id, RequestRow.status)
            .join(RegisteredModel, RegisteredModel.id == RequestRow.model)
            .where(RegisteredModel.name == name)
        )
        return {number: status for number, status in rows}  # noqa: C416  (rows are typed so)
