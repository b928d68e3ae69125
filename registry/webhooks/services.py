"""What a view that deals with webhooks works with, beside the services of every view."""

from __future__ import annotations

from podium.tracker.keyring import Keyring
from podium.tracker.services import services

from .guard import Guard
from .sender import HttpSender


def keyring() -> Keyring:
    config = services().config
    return Keyring(config.secret_keys, config.secret_keys_file)


def guard() -> Guard:
    return Guard(services().config.webhook_allow)


def sender() -> HttpSender:
    return HttpSender(guard())
