"""What a view that promotes works with, beside the services of every view."""

from __future__ import annotations

from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.keyring import Keyring
from podium.tracker.services import services

from ..webhooks.guard import Guard
from ..webhooks.sender import HttpSender
from ..webhooks.services import guard, keyring
from .external import ExternalChecker
from .gates import Outside


def outside() -> Outside:
    return reaching(services().store, keyring(), guard())


def reaching(store: ArtifactStore, keys: Keyring, permitted: Guard) -> Outside:
    def sender(seconds: float) -> HttpSender:
        return HttpSender(permitted, connect=min(5.0, seconds), read=seconds, total=seconds)

    return Outside(store, ExternalChecker(keys, sender))
