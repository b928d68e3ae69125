"""From the outbox to the queues: a delivery of each new event for every webhook that wants it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from podium.tracker.advisory import Lock, lock
from podium.tracker.db import Database
from sqlalchemy import insert, or_, select, text, update
from sqlalchemy.orm import Session

from ..outbox import OutboxEvent
from .matching import wants
from .steps import Step, no_step
from .tables import Delivery, Webhook

_MAX_SPREAD = 500
# As the partial index writes it, so that both databases see that it is meant.
UNSPREAD = text("NOT outbox_events.spread")


def spread(db: Database, now: int, *, step: Step = no_step) -> int:
    """Make the deliveries of new events; how many events there were."""
    with db.writing() as session:
        # One at a time: else later events might be queued before earlier ones.
        lock(session.connection(), Lock.SPREAD)
        events = session.scalars(
            select(OutboxEvent).where(UNSPREAD).order_by(OutboxEvent.id).limit(_MAX_SPREAD)
        ).all()
        if events:
            _deliver_to_all(session, events, now)
            ids = [event.id for event in events]
            session.execute(update(OutboxEvent).where(OutboxEvent.id.in_(ids)).values(spread=True))
            step("spread, not committed")
    if events:
        step("spread")
    return len(events)


def _deliver_to_all(session: Session, events: Sequence[OutboxEvent], now: int) -> None:
    # For one that is switched off, too: they wait until it is on again (``upkeep`` gives them up).
    hooks = session.scalars(select(Webhook).where(Webhook.deleted.is_(None))).all()
    rows: list[dict[str, Any]] = [
        {
            "webhook": hook.id,
            "event": event.id,
            "key": event.key,
            "replay": False,
            "state": "PENDING",
            "attempts": 0,
            "begun": now,
            "due": now,
        }
        for event in events
        for hook in hooks
        if wants(hook, event)
    ]
    if rows:
        session.execute(insert(Delivery), rows)
        wake(session, {row["webhook"] for row in rows}, now)


def wake(session: Session, webhooks: Collection[int], now: int) -> None:
    """Have workers look at these queues from ``now`` on."""
    chosen = Webhook.id.in_(webhooks)
    session.execute(select(Webhook.id).where(chosen).order_by(Webhook.id).with_for_update())
    later = or_(Webhook.due.is_(None), Webhook.due > now)
    session.execute(
        update(Webhook)
        .where(chosen, later)
        .values(due=now)
        .execution_options(synchronize_session=False)
    )
