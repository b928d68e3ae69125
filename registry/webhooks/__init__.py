"""Events on their way out: who wants to hear of what, and what became of each delivery.

    outbox.emit            an event, in the transaction of the change it tells of
      → queue.spread       a delivery for every webhook that wants it
      → queue.claim, next  a worker has the webhook to itself, for as long as its lease
      → sender.send        one signed POST, to an address that may be reached
      → queue.record       delivered, to be tried again, or given up

docs/webhooks.md says what a receiver may rely on.
"""

from __future__ import annotations

from functools import partial

from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from podium.tracker.worker import Job

from .dispatcher import Dispatcher
from .guard import Guard
from .sender import HttpSender
from .upkeep import forget_old, give_up_waiting, renew_secrets


def jobs(db: Database, config: Config) -> tuple[Job, ...]:
    keyring = Keyring(config.secret_keys, config.secret_keys_file)
    dispatcher = Dispatcher(db, HttpSender(Guard(config.webhook_allow)), keyring)
    return (
        # Often: from an event to its first delivery it should be no time that a person notices.
        Job("deliver events", 0.1, dispatcher.turn, alone=True, finish=dispatcher.finish),
        Job("renew secrets", 60, partial(renew_secrets, db, keyring)),
        Job("give up what waits", 3600, partial(give_up_waiting, db)),
        Job("forget old events", 3600, partial(forget_old, db)),
    )
