"""What keeps the tables of webhooks small and their secrets under the newest key."""

from __future__ import annotations

import structlog
from podium.client.errors import PodiumError
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from sqlalchemy import delete, or_, select, update

from ..outbox import OutboxEvent
from .queue import PENDING
from .schedule import GIVE_UP_MS
from .tables import Delivery, Webhook

KEEP_MS = 30 * 24 * 3600 * 1000
_MAX_FORGOTTEN = 5_000

log = structlog.get_logger("podium.webhooks")


def forget_old(db: Database) -> int:
    """Delete events that are a month old, with their deliveries; how many."""
    old = (
        select(OutboxEvent.id)
        .where(OutboxEvent.created < now_ms() - KEEP_MS)
        .order_by(OutboxEvent.created)
        .limit(_MAX_FORGOTTEN)
    )
    with db.reading() as session:
        ids = session.scalars(old).all()
    if ids:
        with db.writing() as session:
            session.execute(delete(OutboxEvent).where(OutboxEvent.id.in_(ids)))
    return len(ids)


def give_up_waiting(db: Database) -> int:
    """Give up what has waited for a webhook that is switched off as long as failures are tried."""
    off = select(Webhook.id).where(Webhook.status == "DISABLED", Webhook.deleted.is_(None))
    with db.reading() as session:
        ids = session.scalars(off).all()
    return sum(_give_up(db, id_) for id_ in ids)


def _give_up(db: Database, id_: int) -> int:
    now = db.now_ms()
    with db.writing() as session:
        hook = session.get_one(Webhook, id_, with_for_update=True)
        if hook.status != "DISABLED":
            return 0
        given_up = session.execute(
            update(Delivery)
            .where(Delivery.webhook == id_, PENDING, Delivery.begun < now - GIVE_UP_MS)
            .values(state="GIVEN_UP", ended=now)
            .returning(Delivery.id)
        )
        return len(given_up.all())


def renew_secrets(db: Database, keyring: Keyring) -> int:
    """Encrypt with the newest key what an older one still holds; how many webhooks were changed.

    When it has found nothing to do, the older keys can be taken away.
    """
    kept = or_(Webhook.secret.is_not(None), Webhook.previous_secret.is_not(None))
    with db.reading() as session:
        ids = session.scalars(select(Webhook.id).where(kept, Webhook.deleted.is_(None))).all()
    return sum(_renew(db, keyring, id_) for id_ in ids)


def _renew(db: Database, keyring: Keyring, id_: int) -> bool:
    with db.reading() as session:
        hook = session.get(Webhook, id_)
        if hook is None or not any(_renewed(hook, keyring)):
            return False
    with db.writing() as session:
        hook = session.get_one(Webhook, id_, with_for_update=True)
        secret, previous = _renewed(hook, keyring)
        hook.secret = secret or hook.secret
        hook.previous_secret = previous or hook.previous_secret
        return True


def _renewed(hook: Webhook, keyring: Keyring) -> tuple[str | None, str | None]:
    try:
        return (
            hook.secret and keyring.renewed(hook.secret),
            hook.previous_secret and keyring.renewed(hook.previous_secret),
        )
    except PodiumError as error:
        log.warning("secret not renewed", webhook=hook.webhook_id, reason=error.message)
        return None, None
