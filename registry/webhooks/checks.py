"""What a webhook may be: one function for each thing that is said of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from urllib.parse import SplitResult, urlsplit

from podium.client.errors import BadRequest
from podium.client.rules import check_text, shown

from ..events import EventType
from . import mlflow_events
from .guard import Guard
from .payloads import Payload

_MAX_URL = 2048
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadRequest(
            f"Webhook name {shown(name)} is invalid. It must start and end with a letter or digit, "
            "be less than 63 characters long, and contain only letters, digits, dots (.), "
            "underscores (_), and hyphens (-)."
        )
    return name


def check_url(url: str, guard: Guard) -> str:
    """Where it leads is not asked here, since that may change: see ``sender``."""
    if not url.strip():
        raise BadRequest(f"Webhook URL cannot be empty or just whitespace: {shown(url)}")
    if len(url) > _MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise BadRequest(
            f"Invalid webhook URL {shown(url)}: it must be at most {_MAX_URL} characters of ASCII. "
            "Write other letters of a host name in punycode (xn--…) and those of a path as %XX."
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadRequest(f"Invalid webhook URL {shown(url)}: {error}.") from None
    if parts.scheme not in (("https", "http") if guard.lists_any else ("https",)):
        raise BadRequest(
            f"Invalid webhook URL scheme: {parts.scheme!r}. Allowed schemes are: https; and http "
            "to the networks listed in PODIUM_WEBHOOK_ALLOW."
        )
    if not host:
        raise BadRequest(f"Webhook URL must include a hostname: {shown(url)}")
    if "@" in parts.netloc or parts.fragment:
        raise BadRequest(
            f"Invalid webhook URL for host {host!r}: it has a user, a password or a '#'. "
            "Leave them out; what a receiver is to trust is the signature."
        )
    return _refuse_inside(parts, guard).geturl()


def _refuse_inside(parts: SplitResult, guard: Guard) -> SplitResult:
    """An address that will never be reached is better refused now."""
    host = parts.hostname or ""
    try:
        permitted = guard.permits(host)
    except ValueError:
        return parts  # a name
    if not permitted:
        raise BadRequest(
            f"Webhook URL must not lead to {host}, which is not on the public Internet. Its "
            "network can be listed in PODIUM_WEBHOOK_ALLOW by whoever runs this server."
        )
    return parts


def check_events(events: Collection[str], payload: Payload) -> list[str]:
    known: Sequence[str] = mlflow_events.NAMES
    if payload is not Payload.MLFLOW:
        known = [each for each in EventType if each is not EventType.PING]
    for event in events:
        if event not in known:
            raise BadRequest(
                f"Invalid value {shown(event)} for parameter 'events' supplied: "
                f"it must be one of {', '.join(known)}."
            )
    if not events and payload is Payload.MLFLOW:
        raise BadRequest("Webhook events cannot be empty: give 'events' at least one.")
    return list(dict.fromkeys(events))


def check_pattern(pattern: str) -> str:
    check_text(pattern, "model", limit=256)
    if not pattern:
        raise BadRequest("'model' is empty: write '*' for all models, or a pattern as in fraud-*.")
    return pattern


def check_stages(stages: Collection[str], field: str) -> list[str]:
    for stage in stages:
        check_text(stage, field, limit=64)
    return list(dict.fromkeys(stages))
