"""The tables of webhooks and deliveries.

A delivery is one event of the outbox on its way to one webhook; an attempt is one POST of it.

A webhook's row is also its queue: a worker that holds the lease (``fence``, ``leased_until``) has
the queue to itself. Who takes a lease counts ``fence`` up, and every result is written under the
number it was taken with, so that a worker that slept through its lease can write nothing.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from ..models import Base, RowId


class Webhook(Base):
    """``events``, ``from_stages`` and ``to_stages`` are JSON arrays; an empty one stands for all.

    ``due`` is when a worker is to look at its queue; NULL when nothing waits. The secrets are
    encrypted (``podium.tracker.keyring``); the previous one is good until ``previous_until``.
    """

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(String(36), unique=True)
    name: Mapped[str] = mapped_column(String(63))
    description: Mapped[str] = mapped_column(Text, default="")
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text, default="*")
    from_stages: Mapped[str] = mapped_column(Text, default="[]")
    to_stages: Mapped[str] = mapped_column(Text, default="[]")
    payload: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(8))
    disabled_reason: Mapped[str] = mapped_column(Text, default="")
    secret: Mapped[str | None] = mapped_column(Text)
    previous_secret: Mapped[str | None] = mapped_column(Text)
    previous_until: Mapped[int | None] = mapped_column(BigInteger)
    created: Mapped[int] = mapped_column(BigInteger)
    updated: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[int | None] = mapped_column(BigInteger)
    due: Mapped[int | None] = mapped_column(BigInteger)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    leased_until: Mapped[int] = mapped_column(BigInteger, default=0)
    failing_since: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint("status IN ('ACTIVE', 'DISABLED')", name="webhooks_status"),
        CheckConstraint("payload IN ('podium', 'mlflow', 'slack')", name="webhooks_payload"),
        Index(
            "webhooks_by_due",
            "due",
            sqlite_where=text("due IS NOT NULL"),
            postgresql_where=text("due IS NOT NULL"),
        ),
    )


class Delivery(Base):
    """``begun`` is when it was to be tried first: three days later it is given up.

    A webhook that is switched off has deliveries that wait, too.
    """

    __tablename__ = "webhook_deliveries"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    webhook: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[int] = mapped_column(ForeignKey("outbox_events.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Text)
    replay: Mapped[bool] = mapped_column(Boolean, default=False)
    state: Mapped[str] = mapped_column(String(9))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    begun: Mapped[int] = mapped_column(BigInteger)
    due: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (
        CheckConstraint(
            "state IN ('PENDING', 'DELIVERED', 'GIVEN_UP')", name="webhook_deliveries_state"
        ),
        Index("webhook_deliveries_by_webhook", "webhook", "id"),
        Index("webhook_deliveries_by_event", "event"),
        Index(
            "webhook_deliveries_pending",
            "webhook",
            "key",
            "id",
            sqlite_where=text("state = 'PENDING'"),
            postgresql_where=text("state = 'PENDING'"),
        ),
        {"sqlite_autoincrement": True},  # the id is the order of the queue
    )


class Attempt(Base):
    """Without a ``status`` no answer came; ``error`` says why."""

    __tablename__ = "webhook_attempts"

    delivery: Mapped[int] = mapped_column(
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    started: Mapped[int] = mapped_column(BigInteger)
    ms: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str] = mapped_column(Text, default="")
