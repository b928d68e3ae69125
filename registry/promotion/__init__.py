"""Promotion: a version goes to a stage by the rule its team has chosen, and everybody can see who
did it and why.

    stage_sets, policies, freezes, gates   the rules
    situation                              all that is to be known, as of one transaction
    decision                               whether a request is satisfied: pure
    requests, closing, rollback            what people do
    settling                               a request is carried out, or goes on waiting
    again, waking                          the worker looks at what waits
    carry_out                              the change, its history, audit, events and hooks, at once
"""

from __future__ import annotations

from functools import partial

from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from podium.tracker.worker import Job

from ..webhooks.guard import Guard
from .again import Review
from .closing import expire_requests, forget_version, reject, withdraw
from .gates import Outside
from .requests import approve, override, promote
from .rollback import roll_back
from .services import reaching

__all__ = [
    "Outside",
    "approve",
    "expire_requests",
    "forget_version",
    "jobs",
    "override",
    "promote",
    "reject",
    "roll_back",
    "withdraw",
]


def jobs(db: Database, store: ArtifactStore, config: Config) -> tuple[Job, ...]:
    keyring = Keyring(config.secret_keys, config.secret_keys_file)
    review = Review(
        db,
        reaching(store, keyring, Guard(config.webhook_allow)),
        anonymous=not config.auth_required,
    )
    return (
        Job("look at requests again", 1, review.turn, alone=True, finish=review.finish),
        Job("expire requests", 60, partial(expire_requests, db)),
    )
