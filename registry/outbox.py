"""The outbox: an event is written in the transaction of the change it tells of.

So there is never one without the other, whatever dies and whenever. The worker takes it from there.
"""

from __future__ import annotations

import secrets
import time
import uuid

import orjson
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from sqlalchemy import BigInteger, Boolean, Identity, Index, String, Text, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from .events import Event
from .models import Base, RowId


class OutboxEvent(Base):
    """``spread``: its deliveries have been made. ``data`` is JSON."""

    __tablename__ = "outbox_events"

    id: Mapped[int] = mapped_column(RowId, Identity(), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(36), unique=True)
    type: Mapped[str] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    data: Mapped[str] = mapped_column(Text)
    created: Mapped[int] = mapped_column(BigInteger)
    spread: Mapped[bool] = mapped_column(Boolean, default=False)

    __table_args__ = (
        Index(
            "outbox_events_to_spread",
            "id",
            sqlite_where=text("NOT spread"),
            postgresql_where=text("NOT spread"),
        ),
        Index("outbox_events_by_age", "created"),
        {"sqlite_autoincrement": True},  # the id is the order: none may come again
    )


def emit(session: Session, event: Event) -> str:
    """Tell of a change in ``session``'s transaction; the id the event keeps for its whole life.

    Call it while the row of what changed is locked: events of one key are told in the order of
    these calls.
    """
    event_id = new_id()
    session.add(
        OutboxEvent(
            event_id=event_id,
            type=event.type,
            key=event.key,
            actor=caller().name,
            data=orjson.dumps(event.data).decode(),
            created=now_ms(),
        )
    )
    return event_id


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): what MLflow's receivers expect, too, and sorted by time.

    The twelve bits behind the milliseconds are their fraction, as its section 6.2 allows.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    bits = milliseconds << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))
