"""External checks: a service of the team's is asked, by a signed request, and says yes or no.

It is reached as receivers of webhooks are: only where the guard permits, without redirects, in
bounded time. Whatever is no clear yes is a no. The secret by which the service knows us is derived
from the server's keys and the address, so it is stored nowhere, and turns over with the keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
from podium.client.errors import PodiumError
from podium.tracker.keyring import Keyring

from ..outbox import new_id
from ..webhooks import signing
from ..webhooks.sender import Answer, Message, Session
from .gates import Facts, Subject, Verdict

_PURPOSE = b"podium external check\0"
_MAX_REASON = 500


class ExternalChecker:
    """``sender`` makes one for a total time in seconds."""

    def __init__(self, keyring: Keyring, sender: Callable[[float], Session]) -> None:
        self._keyring = keyring
        self._sender = sender

    def ask(self, url: str, facts: Facts, *, timeout: float) -> Verdict:
        try:
            secrets = secrets_for(self._keyring, url)
        except PodiumError as error:
            return _no(url, error.message)
        if not secrets:
            return _no(url, "this server has no key to sign with. Set PODIUM_SECRET_KEYS.")
        body = orjson.dumps(question(facts))
        headers = signing.headers(new_id(), facts.now // 1000, body, secrets)
        return _verdict(url, self._sender(timeout).send(Message(url, headers, body)))


def secrets_for(keyring: Keyring, url: str) -> list[str]:
    """What the service at ``url`` verifies our signature with; after a change of keys, any of them
    while the old ones are kept.
    """
    return [
        "whsec_"
        + base64.b64encode(
            hmac.digest(base64.urlsafe_b64decode(key), _PURPOSE + url.encode(), hashlib.sha256)
        ).decode()
        for key in keyring.keys()  # noqa: SIM118  (it is no mapping)
    ]


def question(facts: Facts) -> dict[str, Any]:
    """What is asked. Fields may be added."""
    return {
        "type": "promotion.check",
        "timestamp": facts.now,
        "data": {
            "name": facts.name,
            "stage": facts.stage,
            "requester": facts.requester,
            **_told(facts.version),
            "holder": None if facts.holder is None else _told(facts.holder),
        },
    }


def _told(subject: Subject) -> dict[str, Any]:
    return {
        "version": str(subject.version),
        "digest": subject.digest,
        "run_id": subject.run_id,
        # A value that JSON has no number for is null, as orjson writes it.
        "metrics": dict(subject.metrics),
        "params": dict(subject.params),
        "tags": dict(subject.tags),
    }


def _verdict(url: str, answer: Answer) -> Verdict:
    if answer.status is None:
        return _no(url, answer.error or "no answer came")
    if not answer.accepted:
        return _no(url, f"it answered with status {answer.status}")
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("passed"), bool):
        return _no(url, "its answer is no JSON object with a 'passed' of true or false")
    reason = str(told.get("reason", ""))[:_MAX_REASON].replace("\0", "")
    host = urlsplit(url).hostname
    said = f": {reason}" if reason else "."
    word = "passed it" if told["passed"] else "did not pass it"
    return Verdict(
        told["passed"],
        f"{host} {word}{said}",
        {"url": url, "status": answer.status, "ms": answer.ms, "reason": reason},
    )


def _no(url: str, reason: str) -> Verdict:
    return Verdict(False, f"{urlsplit(url).hostname} was not heard: {reason}", {"url": url})
