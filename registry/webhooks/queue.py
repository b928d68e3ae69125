"""The queue of each webhook: who works on it, what comes next, and what became of it.

At any moment one worker at most has a webhook: its deliveries leave one after another, in the order
of their ids. One that failed waits for its next attempt, and with it all later ones of its key, so
that what a receiver hears of one model is in order; events of other models go on.

What is done here is short transactions; nothing is sent inside one. Times are the database's, so
the clocks of workers may differ; if its own is put forward, a lease ends early and something is
sent twice, but the fence still lets one write.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import structlog
from podium.tracker import audit
from podium.tracker.clock import is_over
from podium.tracker.db import Database
from sqlalchemy import ColumnElement, exists, func, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from ..events import EventType, webhook_disabled
from ..outbox import OutboxEvent, emit
from .payloads import Told
from .schedule import next_try
from .sender import Answer
from .spread import UNSPREAD
from .steps import Step, no_step
from .tables import Attempt, Delivery, Webhook

MAX_KEPT_BODY = 4096
LEASE_MS = 30_000  # well over what is sent before something is written down
# A webhook that only failed for so long is switched off when the next delivery is given up.
DISABLE_AFTER_MS = 2 * 24 * 3600 * 1000
_MAX_TASKS = 50

log = structlog.get_logger("podium.webhooks")


class LeaseLost(Exception):
    """Somebody else has the webhook by now: this worker was too slow, and writes nothing."""


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt to make: to whom, of what. ``secrets`` are encrypted, the newest first."""

    delivery: int
    number: int
    url: str
    payload: str
    secrets: tuple[str, ...]
    told: Told


@dataclass(frozen=True, slots=True)
class Shift:
    """A webhook taken up, and what is to be sent to it first, in order."""

    webhook: int
    fence: int
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Result:
    task: Task
    answer: Answer
    at: int  # ms


def is_waiting(db: Database, now: int) -> bool:
    """Whether there is anything to spread or to send: asked many times a second, so it is cheap."""
    with db.reading() as session:
        to_spread = session.scalar(select(OutboxEvent.id).where(UNSPREAD).limit(1))
        return to_spread is not None or bool(
            session.scalar(select(Webhook.id).where(*_is_due(now)).limit(1))
        )


def claim(
    db: Database,
    now: int,
    *,
    lease_ms: int,
    limit: int,
    suspects: bool,
    slow: Collection[int],
) -> list[Shift]:
    """Take up to ``limit`` webhooks that are due, with the first tasks of each.

    With ``suspects`` those that are failing or among the ``slow``; without, the others.
    """
    suspect = or_(Webhook.failing_since.is_not(None), Webhook.id.in_(slow))
    with db.writing() as session:
        hooks = session.scalars(
            select(Webhook)
            .where(*_is_due(now), suspect if suspects else ~suspect)
            .order_by(Webhook.due)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        shifts = []
        for hook in hooks:
            hook.fence += 1
            tasks = _go_on(session, hook, now, lease_ms=lease_ms)
            if tasks:
                shifts.append(Shift(hook.id, hook.fence, tasks))
        return shifts


def record(
    db: Database,
    shift: Shift,
    results: Sequence[Result],
    now: int,
    *,
    lease_ms: int,
    go_on: bool,
    step: Step = no_step,
) -> tuple[Task, ...]:
    """Write down what became of tasks; the next ones of the webhook that are due.

    When there are none, or without ``go_on``, the webhook is given back. Raises :class:`LeaseLost`,
    having written nothing, when another worker has taken it.
    """
    with db.writing() as session:
        hook = _held(session, shift)
        _write(session, hook, results)
        session.flush()
        step("recorded, not committed")
        if go_on:
            return _go_on(session, hook, now, lease_ms=lease_ms)
        _give_back(session, hook)
        return ()


PENDING = text("webhook_deliveries.state = 'PENDING'")


def _is_due(now: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Webhook.due <= now,
        Webhook.status == "ACTIVE",
        Webhook.deleted.is_(None),
        is_over(Webhook.leased_until, now, longest=LEASE_MS),
    )


def resume(session: Session, hook: Webhook, now: int) -> None:
    """Have all that waits for ``hook`` sent now, with the time to give it up beginning again.

    What happened while it was switched off is among that: see ``spread``.
    """
    session.execute(
        update(Delivery)
        .where(Delivery.webhook == hook.id, PENDING)
        .values(due=now, begun=now)
        .execution_options(synchronize_session=False)
    )
    hook.due = now


def _held(session: Session, shift: Shift) -> Webhook:
    hook = session.scalars(
        select(Webhook)
        .where(Webhook.id == shift.webhook, Webhook.fence == shift.fence)
        .with_for_update()
    ).one_or_none()
    if hook is None:
        raise LeaseLost
    return hook


def _write(session: Session, hook: Webhook, results: Sequence[Result]) -> None:
    chosen = Delivery.id.in_([result.task.delivery for result in results])
    deliveries = {row.id: row for row in session.scalars(select(Delivery).where(chosen))}
    for result in results:
        # Forgotten meanwhile, with its event, a month old.
        delivery = deliveries.get(result.task.delivery)
        if delivery is None:
            continue
        answer = result.answer
        delivery.attempts = result.task.number
        session.add(
            Attempt(
                delivery=delivery.id,
                number=result.task.number,
                started=result.at - answer.ms,
                ms=answer.ms,
                status=answer.status,
                error=answer.error,
                body=answer.body[:MAX_KEPT_BODY],
            )
        )
        if answer.accepted:
            delivery.state, delivery.ended = "DELIVERED", result.at
            hook.failing_since = None
        else:
            _failed(session, hook, delivery, answer, result.at)


def _failed(session: Session, hook: Webhook, delivery: Delivery, answer: Answer, now: int) -> None:
    if hook.failing_since is None:
        hook.failing_since = now
    again = None
    if answer.status != 410:
        again = next_try(
            begun=delivery.begun,
            attempts=delivery.attempts,
            now=now,
            retry_after=answer.retry_after,
        )
    if again is not None:
        delivery.due = again
        return
    delivery.state, delivery.ended = "GIVEN_UP", now
    if answer.status == 410:
        disable(session, hook, "its receiver answered 410 Gone", now)
    elif now - hook.failing_since >= DISABLE_AFTER_MS:
        disable(session, hook, "no delivery has succeeded for days", now)


def disable(session: Session, hook: Webhook, reason: str, now: int) -> None:
    """Switch a webhook off on our own account, and say so: as an event, in its row, in the log."""
    hook.status, hook.disabled_reason, hook.updated = "DISABLED", reason, now
    log.warning("webhook disabled", webhook=hook.webhook_id, name=hook.name, reason=reason)
    told = webhook_disabled(webhook_id=hook.webhook_id, webhook_name=hook.name, reason=reason)
    emit(session, told)
    audit.record(session, "webhook.disable", f"webhook:{hook.webhook_id}", reason=reason)


def _go_on(session: Session, hook: Webhook, now: int, *, lease_ms: int) -> tuple[Task, ...]:
    """The next tasks that are due, under a lease from now on; without any the webhook is free."""
    tasks: tuple[Task, ...] = ()
    if hook.status == "ACTIVE" and hook.deleted is None:
        tasks = _next(session, hook, now)
    if tasks:
        hook.leased_until = now + lease_ms
    else:
        _give_back(session, hook)
    return tasks


def _next(session: Session, hook: Webhook, now: int) -> tuple[Task, ...]:
    earlier = aliased(Delivery)
    blocked = exists().where(
        earlier.webhook == hook.id,
        earlier.key == Delivery.key,
        earlier.state == "PENDING",
        earlier.due > now,
        earlier.id < Delivery.id,
    )
    found = session.execute(
        select(Delivery, OutboxEvent)
        .join(OutboxEvent, OutboxEvent.id == Delivery.event)
        .where(Delivery.webhook == hook.id, PENDING, Delivery.due <= now, ~blocked)
        .order_by(Delivery.id)
        .limit(_MAX_TASKS)
    )
    secrets = valid_secrets(hook, now)
    return tuple(_task(hook, delivery, event, secrets) for delivery, event in found)


def _task(hook: Webhook, delivery: Delivery, event: OutboxEvent, secrets: tuple[str, ...]) -> Task:
    return Task(
        delivery=delivery.id,
        number=delivery.attempts + 1,
        url=hook.url,
        payload=hook.payload,
        secrets=secrets,
        told=Told(
            event_id=event.event_id,
            type=EventType(event.type),
            created=event.created,
            actor=event.actor,
            data=json.loads(event.data),
            replay=delivery.replay,
        ),
    )


def valid_secrets(hook: Webhook, now: int) -> tuple[str, ...]:
    """Those to sign with, the newest first, still encrypted."""
    previous = hook.previous_secret if (hook.previous_until or 0) > now else None
    return tuple(secret for secret in (hook.secret, previous) if secret is not None)


def _give_back(session: Session, hook: Webhook) -> None:
    heads = (
        select(func.min(Delivery.id))
        .where(Delivery.webhook == hook.id, PENDING)
        .group_by(Delivery.key)
    )
    hook.leased_until = 0
    hook.due = session.scalar(select(func.min(Delivery.due)).where(Delivery.id.in_(heads)))
