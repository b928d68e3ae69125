"""What a view that promotes works with, beside the services of every view."""

from __future__ import annotations

from podium.tracker.services import services

from ..webhooks.sender import HttpSender
from ..webhooks.services import guard, keyring
from .external import ExternalChecker
from .gates import Outside


def outside() -> Outside:
    permitted = guard()

    def sender(seconds: float) -> HttpSender:
        return HttpSender(permitted, connect=min(5.0, seconds), read=seconds, total=seconds)

    return Outside(services().store, ExternalChecker(keyring(), sender))
