"""Rules change between promotions, never during one.

Who promotes holds the lock shared, who changes a rule alone: when setting a freeze has returned,
no promotion that began before it is still to come. On SQLite there is one writer at a time anyway.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

# Any constant will do: it names "the rules of promotion" among PostgreSQL's advisory locks.
_RULES_LOCK = 0x706F6469756F


def lock_rules(session: Session) -> None:
    """Until the end of the transaction: for whoever changes a rule."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_RULES_LOCK)))


def hold_rules(session: Session) -> None:
    """Until the end of the transaction: for whoever goes by the rules, before any other lock."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock_shared(_RULES_LOCK)))
