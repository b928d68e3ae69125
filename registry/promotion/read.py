"""Finding requests, and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from podium.client.entities import Page
from podium.client.errors import BadRequest, NotFound
from podium.client.promotion import GateResult, Promotion, RequestStatus, TransitionKind
from podium.client.rules import shown
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.paging import cut, newest_first
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..models import ModelVersion, RegisteredModel
from ..read import find_model, find_version
from .decision import Basis, missing, weigh
from .policies import Policy, parse, policy_of
from .situation import votes_on
from .tables import PolicyRow, RequestRow, TransitionRow


def requests() -> Select[RequestRow]:
    """Every request; each listing starts from it."""
    return select(RequestRow)


def find_request(session: Session, name: str, request_id: int) -> RequestRow:
    model = find_model(session, name)
    found = session.scalar(
        requests()
        .where(RequestRow.model == model.id, RequestRow.id == request_id)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(f"Model {name} has no request {request_id}.")
    return found


def get_request(db: Database, name: str, request_id: int) -> Promotion:
    with db.reading() as session:
        return promotions(session, [find_request(session, name, request_id)])[0]


def list_requests(
    db: Database,
    name: str | None = None,
    *,
    version: str | int | None = None,
    status: str = "",
    max_results: int = 100,
    page_token: str = "",
) -> Page[Promotion]:
    """The newest first, of one model or of all."""
    wanted = newest_first(requests(), RequestRow.id, max_results, page_token)
    if status:
        if status.upper() not in RequestStatus.__members__:
            raise BadRequest(
                f"'status' is {shown(status)}: give one of {', '.join(RequestStatus)}."
            )
        wanted = wanted.where(RequestRow.status == status.upper())
    with db.reading() as session:
        if name is not None:
            wanted = wanted.where(RequestRow.model == find_model(session, name).id)
            if version is not None:
                wanted = wanted.where(RequestRow.version == find_version(session, name, version).id)
        rows, token = cut(session.scalars(wanted).all(), max_results)
        return Page(tuple(promotions(session, rows)), token)


def waiting_for(session: Session, model: RegisteredModel, *, limit: int) -> list[Promotion]:
    """What waits in a model, the newest first; what is overdue does so no more."""
    wanted = requests().where(
        RequestRow.model == model.id,
        RequestRow.status == RequestStatus.WAITING,
        RequestRow.expires.is_(None) | (RequestRow.expires > now_ms()),
    )
    rows = session.scalars(wanted.order_by(RequestRow.id.desc()).limit(limit)).all()
    return promotions(session, rows)


def promotions(session: Session, rows: Sequence[RequestRow]) -> list[Promotion]:
    return [_entity(session, row) for row in rows]


def gates_of(row: RequestRow) -> tuple[GateResult, ...]:
    return tuple(GateResult(**each) for each in json.loads(row.gates))


def _entity(session: Session, row: RequestRow) -> Promotion:
    model = session.get_one(RegisteredModel, row.model)
    version = session.get_one(ModelVersion, row.version)
    waits = row.status == RequestStatus.WAITING
    if waits:
        in_force = policy_of(session, model.name, row.stage)
        policy, basis = in_force.policy, Basis(version.digest or "", in_force.revision)
    else:
        policy, basis = _policy_then(session, row), Basis(row.digest, row.policy)
    votes = [] if not row.id else votes_on(session, row, model)
    approvals = weigh(votes, policy=policy, basis=basis, requester=row.requester)
    gates = gates_of(row)
    left = session.scalars(
        select(ModelVersion.version)
        .join(TransitionRow, TransitionRow.version == ModelVersion.id)
        .where(TransitionRow.request == row.id, TransitionRow.kind == TransitionKind.REPLACED)
        .order_by(ModelVersion.version)
    )
    return Promotion(
        id=row.id,
        name=model.name,
        version=version.version,
        stage=row.stage,
        before=row.before,
        status=RequestStatus(row.status),
        requester=row.requester,
        comment=row.comment,
        created=row.created,
        digest=row.digest,
        policy=row.policy or None,
        approvals_required=policy.approvals,
        approvals=approvals,
        gates=gates,
        waits_for=missing(policy, approvals, gates) if waits else (),
        expires=row.expires,
        decided=row.decided,
        decided_by=row.decided_by,
        reason=row.reason,
        overridden=row.overridden,
        archived=tuple(left),
    )


def _policy_then(session: Session, row: RequestRow) -> Policy:
    """The policy by which the request was decided."""
    found = session.get(PolicyRow, row.policy) if row.policy else None
    return Policy() if found is None else parse(json.loads(found.rules))
