"""Webhooks: the rules of making, changing, rotating and removing them.

A secret goes in and never comes out, but for the one time that we have made it ourselves.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from podium.client.entities import Page
from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_text, shown
from podium.tracker import audit
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from podium.tracker.paging import cut, newest_first
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..tags import told
from . import queue
from .checks import check_events, check_name, check_pattern, check_stages, check_url
from .guard import Guard
from .payloads import Payload
from .signing import check_secret, new_secret
from .tables import Webhook

ROTATION_HOURS = 24
_MAX_ROTATION_HOURS = 30 * 24
_MAX_TEXT = 5000


class Status(StrEnum):
    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook, as it may be shown to those who may change it. Times are in ms."""

    webhook_id: str
    name: str
    description: str
    url: str
    events: tuple[str, ...]
    model: str
    from_stages: tuple[str, ...]
    to_stages: tuple[str, ...]
    payload: Payload
    status: Status
    disabled_reason: str
    has_secret: bool
    previous_secret_until: int | None
    failing_since: int | None
    creation_time: int
    last_update_time: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a webhook is to be; None leaves it as it is, or has the default of a new one."""

    name: str | None = None
    url: str | None = None
    description: str | None = None
    events: Collection[str] | None = None
    model: str | None = None
    from_stages: Collection[str] | None = None
    to_stages: Collection[str] | None = None
    status: Status | None = None


def create_webhook(
    db: Database,
    keyring: Keyring,
    guard: Guard,
    *,
    wanted: Changes,
    payload: Payload,
    secret: str | None = None,
) -> Hook:
    """``secret`` as MLflow's API has it: any text, or none at all."""
    if wanted.name is None or wanted.url is None:
        raise BadRequest("A webhook needs a 'name' and a 'url'.")
    now = now_ms()
    hook = Webhook(
        webhook_id=str(uuid.uuid4()),
        events="[]",
        description="",
        model="*",
        from_stages="[]",
        to_stages="[]",
        payload=payload,
        status=Status.ACTIVE,
        secret=keyring.encrypt(secret) if secret else None,
        created=now,
        updated=now,
    )
    _apply(hook, replace(wanted, events=wanted.events or ()), guard)
    with db.writing() as session:
        session.add(hook)
        session.flush()
        _record(session, hook, "create", after=_summary(hook))
        return entity(hook)


def create_signed(
    db: Database,
    keyring: Keyring,
    guard: Guard,
    *,
    wanted: Changes,
    payload: Payload,
    secret: str | None = None,
) -> tuple[Hook, str]:
    """A webhook and its secret, which is made unless one is given."""
    known = new_secret() if secret is None else check_secret(secret, "secret")
    hook = create_webhook(db, keyring, guard, wanted=wanted, payload=payload, secret=known)
    return hook, known


def get_webhook(db: Database, webhook_id: str) -> Hook:
    with db.reading() as session:
        return entity(find_webhook(session, webhook_id))


def list_webhooks(
    db: Database,
    *,
    max_results: int = 100,
    page_token: str | None = None,
    payload: Payload | None = None,
) -> Page[Hook]:
    """Newest first; ``payload`` leaves out those of another form."""
    statement = newest_first(_webhooks(), Webhook.id, max_results, page_token)
    if payload is not None:
        statement = statement.where(Webhook.payload == payload)
    with db.reading() as session:
        found, token = cut(session.scalars(statement).all(), max_results)
        return Page(tuple(entity(row) for row in found), token)


def update_webhook(
    db: Database,
    keyring: Keyring,
    guard: Guard,
    webhook_id: str,
    *,
    wanted: Changes,
    secret: str | None = None,
) -> Hook:
    """``secret`` replaces the one there is at once, as MLflow does; ``rotate_secret`` is gentler.

    Switching a webhook on again has what waits for it sent at once, what happened meanwhile too.
    """
    with db.writing() as session:
        hook = find_webhook(session, webhook_id, change=True)
        before, url = _summary(hook), hook.url
        switched_on = wanted.status is Status.ACTIVE and hook.status != Status.ACTIVE
        _apply(hook, wanted, guard)
        if secret is not None:
            hook.secret = keyring.encrypt(secret) if secret else None
            hook.previous_secret = hook.previous_until = None
        hook.updated = now_ms()
        if switched_on:
            hook.disabled_reason, hook.failing_since = "", None
            queue.resume(session, hook, db.now_ms())
        session.flush()
        untold = {"url": hook.url != url, "secret": secret is not None}
        replaced = [what for what, other in untold.items() if other]
        after = _summary(hook) | ({"replaced": replaced} if replaced else {})
        _record(session, hook, "update", before=before, after=after)
        return entity(hook)


def rotate_secret(
    db: Database,
    keyring: Keyring,
    webhook_id: str,
    *,
    secret: str | None = None,
    keep_hours: int = ROTATION_HOURS,
) -> tuple[Hook, str]:
    """A new secret, returned this once; the one before it signs along for ``keep_hours``."""
    if not 0 <= keep_hours <= _MAX_ROTATION_HOURS:
        raise BadRequest(
            f"Invalid value {keep_hours} for parameter 'keep_hours' supplied: "
            f"it must be hours from 0 to {_MAX_ROTATION_HOURS}."
        )
    known = new_secret() if secret is None else check_secret(secret, "secret")
    with db.writing() as session:
        hook = find_webhook(session, webhook_id, change=True)
        hook.updated = now_ms()
        hook.previous_secret = hook.secret if keep_hours else None
        hook.previous_until = hook.updated + keep_hours * 3_600_000 if keep_hours else None
        hook.secret = keyring.encrypt(known)
        session.flush()
        _record(session, hook, "rotate", after={"keep_hours": keep_hours})
        return entity(hook), known


def delete_webhook(db: Database, webhook_id: str) -> None:
    """What it had waiting is sent no more. Its secrets are gone at once; its log after a month."""
    with db.writing() as session:
        hook = find_webhook(session, webhook_id, change=True)
        hook.deleted = hook.updated = now_ms()
        hook.due = hook.secret = hook.previous_secret = None
        _record(session, hook, "delete", before=_summary(hook))


def find_webhook(session: Session, webhook_id: str, *, change: bool = False) -> Webhook:
    statement = _webhooks().where(Webhook.webhook_id == webhook_id)
    if change:
        statement = statement.with_for_update()
    found = session.scalars(statement).one_or_none()
    if found is None:
        raise NotFound(f"Webhook with ID {shown(webhook_id)} not found.")
    return found


def entity(hook: Webhook) -> Hook:
    return Hook(
        webhook_id=hook.webhook_id,
        name=hook.name,
        description=hook.description,
        url=hook.url,
        events=tuple(json.loads(hook.events)),
        model=hook.model,
        from_stages=tuple(json.loads(hook.from_stages)),
        to_stages=tuple(json.loads(hook.to_stages)),
        payload=Payload(hook.payload),
        status=Status(hook.status),
        disabled_reason=hook.disabled_reason,
        has_secret=hook.secret is not None,
        previous_secret_until=hook.previous_until if hook.previous_secret else None,
        failing_since=hook.failing_since,
        creation_time=hook.created,
        last_update_time=hook.updated,
    )


def _webhooks() -> Select[Webhook]:
    return select(Webhook).where(Webhook.deleted.is_(None))


def _record(
    session: Session,
    hook: Webhook,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    subject = f"webhook:{hook.webhook_id}"
    audit.record(session, f"webhook.{verb}", subject, before=before, after=after)


def _summary(hook: Webhook) -> dict[str, Any]:
    """For the audit log. Of the URL the host alone: the rest is a secret to some receivers."""
    return {
        "name": hook.name,
        "description": told(hook.description),
        "host": urlsplit(hook.url).hostname,
        "events": json.loads(hook.events),
        "model": hook.model,
        "from_stages": json.loads(hook.from_stages),
        "to_stages": json.loads(hook.to_stages),
        "payload": hook.payload,
        "signed": hook.secret is not None,
        "status": hook.status,
    }


def _apply(hook: Webhook, wanted: Changes, guard: Guard) -> None:
    if wanted.name is not None:
        hook.name = check_name(wanted.name)
    if wanted.url is not None:
        hook.url = check_url(wanted.url, guard)
    if wanted.description is not None:
        hook.description = check_text(wanted.description, "description", limit=_MAX_TEXT)
    if wanted.events is not None:
        hook.events = json.dumps(check_events(wanted.events, Payload(hook.payload)))
    if wanted.model is not None:
        hook.model = check_pattern(wanted.model)
    if wanted.from_stages is not None:
        hook.from_stages = json.dumps(check_stages(wanted.from_stages, "from_stages"))
    if wanted.to_stages is not None:
        hook.to_stages = json.dumps(check_stages(wanted.to_stages, "to_stages"))
    if wanted.status is not None:
        hook.status = wanted.status
