"""What the registry's tables say of how the installation is doing; see ``podium.tracker.state``."""

from __future__ import annotations

from collections.abc import Iterator

from podium.tracker.state import Gauge, seconds_since
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from .inspection.service import oldest_waiting
from .launches.leases import LEASE_MS
from .launches.tables import LaunchCluster, LaunchRow
from .outbox import OutboxEvent
from .webhooks.spread import UNSPREAD
from .webhooks.tables import Delivery, Webhook

_OPEN = ("WAITING", "PENDING", "RUNNING", "READY")


def read(session: Session, now: int) -> Iterator[Gauge]:
    yield from _outbox(session, now)
    yield from _webhooks(session, now)
    yield Gauge(
        "podium_inspection_lag_seconds",
        "Age of the oldest version whose files no worker has looked into.",
        seconds_since(oldest_waiting(session), now),
    )
    yield from _launches(session, now)


def _outbox(session: Session, now: int) -> Iterator[Gauge]:
    waiting, oldest = session.execute(
        select(func.count(), func.min(OutboxEvent.created)).where(UNSPREAD)
    ).one()
    yield Gauge("podium_outbox_events", "Events no worker has taken up yet.", waiting)
    yield Gauge(
        "podium_outbox_age_seconds", "Age of the oldest of them.", seconds_since(oldest, now)
    )


def _webhooks(session: Session, now: int) -> Iterator[Gauge]:
    """Deliveries of webhooks that fail wait for their receiver; those of others wait for us."""
    failing = Webhook.failing_since.is_not(None)
    waiting, oldest = session.execute(
        select(func.count(), func.min(case((~failing, Delivery.due))))
        .join(Webhook, Webhook.id == Delivery.webhook)
        .where(Delivery.state == "PENDING", Webhook.deleted.is_(None), Webhook.status == "ACTIVE")
    ).one()
    yield Gauge("podium_webhook_deliveries_waiting", "Deliveries on their way.", waiting)
    yield Gauge(
        "podium_webhook_delivery_overdue_seconds",
        "Time since the oldest of those whose receivers are well was due.",
        seconds_since(oldest, now),
    )
    counts = dict.fromkeys(("active", "failing", "disabled"), 0)
    kind = case((Webhook.status == "DISABLED", "disabled"), (failing, "failing"), else_="active")
    for state, number in session.execute(
        select(kind, func.count()).where(Webhook.deleted.is_(None)).group_by(kind)
    ):
        counts[state] = number
    for state, number in counts.items():
        yield Gauge("podium_webhooks", "Webhooks, by how they do.", number, {"state": state})


def _launches(session: Session, now: int) -> Iterator[Gauge]:
    """Of those that still ask something of the worker; a cluster that is away delays its own."""
    counts = dict.fromkeys(_OPEN, 0)
    for state, number in session.execute(
        select(LaunchRow.state, func.count())
        .where(~LaunchRow.closed, LaunchRow.state.in_(_OPEN))
        .group_by(LaunchRow.state)
    ):
        counts[state] = number
    for state, number in counts.items():
        yield Gauge("podium_launches", "Launches under way.", number, {"state": state})
    waiting = select(func.min(LaunchRow.created)).where(
        ~LaunchRow.closed, LaunchRow.state == "WAITING", LaunchRow.desired == "RUN"
    )
    yield Gauge(
        "podium_launch_wait_seconds",
        "Age of the oldest launch that no cluster has got yet.",
        seconds_since(session.scalar(waiting), now),
    )
    yield Gauge(
        "podium_reconcile_lag_seconds",
        "Time since a worker looked after a cluster that has launches and answers, the longest.",
        seconds_since(_neglected(session), now),
    )
    away = select(func.count()).where(LaunchCluster.away_since.is_not(None))
    yield Gauge("podium_clusters_away", "Clusters that do not answer.", session.scalar(away) or 0)


def _neglected(session: Session) -> int | None:
    """When a cluster was looked after last: its lease was taken or made longer then."""
    busy = select(LaunchRow.cluster).where(~LaunchRow.closed)
    taken = select(func.min(LaunchCluster.leased_until)).where(
        LaunchCluster.leased_until > 0,
        LaunchCluster.away_since.is_(None),
        LaunchCluster.name.in_(busy),
    )
    until = session.scalar(taken)
    return None if until is None else until - LEASE_MS
