"""Rules change between promotions, never during one.

Who promotes holds the lock shared, who changes a rule alone: when setting a freeze has returned,
no promotion that began before it is still to come. On SQLite there is one writer at a time anyway.
"""

from __future__ import annotations

from podium.tracker.advisory import Lock, lock, share
from sqlalchemy.orm import Session


def lock_rules(session: Session) -> None:
    """Until the end of the transaction: for whoever changes a rule."""
    lock(session.connection(), Lock.RULES)


def hold_rules(session: Session) -> None:
    """Until the end of the transaction: for whoever goes by the rules, before any other lock."""
    share(session.connection(), Lock.RULES)
