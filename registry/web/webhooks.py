"""/webhooks: who hears of what, what became of it, and the buttons for it. Administrators only."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request
from podium.client.entities import Page
from podium.client.errors import BadRequest
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.clock import now_ms
from podium.tracker.services import services

from ..events import EventType
from ..webhooks import history, hooks, mlflow_events
from ..webhooks.hooks import Changes, Hook, Status
from ..webhooks.payloads import Payload
from ..webhooks.services import guard, keyring, sender
from ..webhooks.trial import try_out

webhooks = Blueprint("webhook_pages", __name__, url_prefix="/webhooks")

_PAGE = 50


@webhooks.get("")
@allow(ADMIN)
def listing() -> Response:
    """All of them, newest first, and a form for another."""
    token = request.args.get("page") or None
    page = hooks.list_webhooks(services().db, max_results=_PAGE, page_token=token)
    return _listing(page, {}, "")


@webhooks.post("")
@allow(ADMIN)
def create() -> Response:
    """The page of the new webhook shows its secret: this once, so there is no way back to it."""
    form = request.form
    wanted = Changes(
        name=form.get("name", ""),
        url=form.get("url", ""),
        events=form.getlist("event"),
        model=form.get("model") or "*",
        to_stages=[part.strip() for part in form.get("to_stages", "").split(",") if part.strip()],
    )
    try:
        payload = _payload(form.get("payload", ""))
        hook, secret = hooks.create_signed(
            services().db, keyring(), guard(), wanted=wanted, payload=payload
        )
    except BadRequest as refusal:
        page = hooks.list_webhooks(services().db, max_results=_PAGE)
        return _listing(page, form, refusal.message)
    return _page(hook, secret=secret)


@webhooks.get("/<webhook_id>")
@allow(ADMIN)
def page(webhook_id: str) -> Response:
    return _page(hooks.get_webhook(services().db, webhook_id))


@webhooks.post("/<webhook_id>/rotate")
@allow(ADMIN)
def rotate(webhook_id: str) -> Response:
    hook, secret = hooks.rotate_secret(services().db, keyring(), webhook_id)
    return _page(hook, secret=secret)


@webhooks.post("/<webhook_id>/test")
@allow(ADMIN)
def test(webhook_id: str) -> Response:
    answer = try_out(services().db, keyring(), sender(), webhook_id)
    return _page(hooks.get_webhook(services().db, webhook_id), answer=answer)


@webhooks.post("/<webhook_id>/switch")
@allow(ADMIN)
def switch(webhook_id: str) -> Response:
    """On, if ``on`` is in the form, or off."""
    status = Status.ACTIVE if "on" in request.form else Status.DISABLED
    hooks.update_webhook(
        services().db, keyring(), guard(), webhook_id, wanted=Changes(status=status)
    )
    return _back(f"/webhooks/{webhook_id}")


@webhooks.post("/<webhook_id>/delete")
@allow(ADMIN)
def delete(webhook_id: str) -> Response:
    hooks.delete_webhook(services().db, webhook_id)
    return _back("/webhooks")


@webhooks.get("/<webhook_id>/deliveries/<delivery_id>")
@allow(ADMIN)
def delivery(webhook_id: str, delivery_id: str) -> str:
    """One delivery with every attempt."""
    hook = hooks.get_webhook(services().db, webhook_id)
    found = history.get_delivery(services().db, webhook_id, delivery_id)
    return render_template("webhook_delivery.html", hook=hook, delivery=found)


@webhooks.post("/<webhook_id>/deliveries/<delivery_id>/replay")
@allow(ADMIN)
def replay(webhook_id: str, delivery_id: str) -> Response:
    again = history.replay(services().db, webhook_id, delivery_id)
    return _back(f"/webhooks/{webhook_id}/deliveries/{again.delivery_id}")


def _listing(page: Page[Hook], typed: Any, refused: str) -> Response:
    events = {
        Payload.PODIUM: [each for each in EventType if each is not EventType.PING],
        Payload.MLFLOW: mlflow_events.NAMES,
    }
    html = render_template(
        "webhooks.html", page=page, typed=typed, refused=refused, events=events, payloads=Payload
    )
    answer = make_response(html)
    answer.status_code = 400 if refused else 200
    return answer


def _page(hook: Hook, **shown: Any) -> Response:
    deliveries = history.list_deliveries(
        services().db,
        hook.webhook_id,
        max_results=_PAGE,
        page_token=request.args.get("page") or None,
    )
    return make_response(
        render_template("webhook.html", hook=hook, deliveries=deliveries, now=now_ms(), **shown)
    )


def _payload(text: str) -> Payload:
    try:
        return Payload(text or Payload.PODIUM)
    except ValueError:
        raise BadRequest(f"'payload' must be one of {', '.join(Payload)}.") from None


def _back(path: str) -> Response:
    """So that reloading the page asks for nothing a second time."""
    answer = redirect(path, 303)
    assert isinstance(answer, Response)  # noqa: S101  (werkzeug's type is wider than Flask's)
    return answer
