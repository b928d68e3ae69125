"""What became of each delivery, and sending one again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from podium.client.entities import Page
from podium.client.errors import NotFound
from podium.client.rules import shown
from podium.tracker import audit
from podium.tracker.db import Database
from podium.tracker.paging import cut, newest_first
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..outbox import OutboxEvent
from .hooks import find_webhook
from .spread import wake
from .tables import Attempt, Delivery, Webhook


class State(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    GIVEN_UP = "GIVEN_UP"


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt; ``body`` is the beginning of what the receiver answered. Times are in ms."""

    number: int
    started: int
    ms: int
    status: int | None
    error: str
    body: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """``attempts`` are all of them where one delivery is asked for, else the last."""

    delivery_id: str
    event_id: str
    event: str
    key: str
    replay: bool
    state: State
    count: int
    begun: int
    due: int | None
    ended: int | None
    attempts: tuple[Tried, ...]


def list_deliveries(
    db: Database,
    webhook_id: str,
    *,
    state: State | None = None,
    max_results: int = 100,
    page_token: str | None = None,
) -> Page[Delivered]:
    """Newest first."""
    with db.reading() as session:
        hook = find_webhook(session, webhook_id)
        statement = newest_first(_deliveries(hook), Delivery.id, max_results, page_token)
        if state is not None:
            statement = statement.where(Delivery.state == state)
        found = session.execute(statement).all()
        rows, token = cut(found, max_results, lambda row: row[0].id)
        last = _last_attempts(session, [delivery.id for delivery, _ in rows])
        told = (_entity(delivery, event, last.get(delivery.id, ())) for delivery, event in rows)
        return Page(tuple(told), token)


def get_delivery(db: Database, webhook_id: str, delivery_id: str) -> Delivered:
    with db.reading() as session:
        delivery, event = _find(session, find_webhook(session, webhook_id), delivery_id)
        attempts = session.scalars(
            select(Attempt).where(Attempt.delivery == delivery.id).order_by(Attempt.number)
        )
        return _entity(delivery, event, [_tried(each) for each in attempts])


def replay(db: Database, webhook_id: str, delivery_id: str) -> Delivered:
    """Send it again, behind what waits: the same id and body, a new timestamp and a mark."""
    now = db.now_ms()
    with db.writing() as session:
        hook = find_webhook(session, webhook_id, change=True)
        earlier, event = _find(session, hook, delivery_id)
        again = Delivery(
            webhook=hook.id,
            event=event.id,
            key=earlier.key,
            replay=True,
            state=State.PENDING,
            attempts=0,
            begun=now,
            due=now,
        )
        session.add(again)
        session.flush()
        wake(session, [hook.id], now)
        subject = f"webhook:{hook.webhook_id}"
        audit.record(session, "webhook.replay", subject, after={"event": event.event_id})
        return _entity(again, event, ())


def _deliveries(hook: Webhook) -> Select[Delivery, OutboxEvent]:
    return (
        select(Delivery, OutboxEvent)
        .join(OutboxEvent, OutboxEvent.id == Delivery.event)
        .where(Delivery.webhook == hook.id)
    )


def _find(session: Session, hook: Webhook, delivery_id: str) -> tuple[Delivery, OutboxEvent]:
    known = delivery_id.isascii() and delivery_id.isdigit() and len(delivery_id) <= 18
    found = (
        session.execute(_deliveries(hook).where(Delivery.id == int(delivery_id))).first()
        if known
        else None
    )
    if found is None:
        raise NotFound(f"The webhook has no delivery {shown(delivery_id)}.")
    return found[0], found[1]


def _last_attempts(session: Session, deliveries: Sequence[int]) -> dict[int, tuple[Tried, ...]]:
    rows = session.scalars(
        select(Attempt)
        .join(Delivery, Delivery.id == Attempt.delivery)
        .where(Delivery.id.in_(deliveries), Attempt.number == Delivery.attempts)
    )
    return {row.delivery: (_tried(row),) for row in rows}


def _tried(row: Attempt) -> Tried:
    return Tried(row.number, row.started, row.ms, row.status, row.error, row.body)


def _entity(delivery: Delivery, event: OutboxEvent, attempts: Sequence[Tried]) -> Delivered:
    state = State(delivery.state)
    return Delivered(
        delivery_id=str(delivery.id),
        event_id=event.event_id,
        event=event.type,
        key=delivery.key,
        replay=delivery.replay,
        state=state,
        count=delivery.attempts,
        begun=delivery.begun,
        due=delivery.due if state is State.PENDING else None,
        ended=delivery.ended,
        attempts=tuple(attempts),
    )
