"""Adding to the audit log.

What is recorded becomes a row as the last act of its transaction. Writers of the chain queue for
its end until they commit; whoever holds it waits for nothing else any more, so it is part of no
deadlock, and the queue moves as fast as the database commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podium.client.rules import check_text
from sqlalchemy import event, insert
from sqlalchemy.orm import Session, SessionTransaction

from ..advisory import Lock, lock
from ..auth.caller import Caller, visit
from ..clock import now_ms
from .chain import Head, Json, canonical, content, digest, head
from .table import AuditRow

MAX_REASON = 10_000

_PENDING = "podium_audit"


def record(
    session: Session,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str | None = None,
    actor: Caller | None = None,
) -> None:
    """Note, in the transaction of ``session``, that the caller does ``action`` to ``subject``.

    An action is a kind and a verb, as in ``experiment.delete``; a subject is a kind and a name, as
    in ``experiment:12`` or ``model:digits/3``. ``before`` and ``after`` are what is worth knowing
    of either state, as it is now, and never a secret. ``actor`` is for who signs in, since until
    then nobody asks.
    """
    if not session.connection().get_execution_options().get("podium_write"):
        raise RuntimeError(f"{action} was to be recorded in a transaction that only reads")
    now = visit()
    who = now.caller if actor is None else actor
    entry: Json = {
        "actor": who.name,
        "actor_kind": who.kind,
        "address": now.address,
        "request_id": now.request_id,
        "action": check_text(action, "action", limit=100),
        "subject": check_text(subject, "subject"),
        "before": None if before is None else canonical(before),
        "after": None if after is None else canonical(after),
        "reason": None if reason is None else check_text(reason, "reason", limit=MAX_REASON),
    }
    transaction = session.get_nested_transaction() or session.get_transaction()
    session.info.setdefault(_PENDING, []).append((transaction, entry))


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    """Append what was recorded; the rest of the transaction is in the database by then."""
    if not session.info.get(_PENDING) or session.in_nested_transaction():
        return
    session.flush()
    entries = [entry for _, entry in session.info.pop(_PENDING)]
    lock(session.connection(), Lock.AUDIT)
    end = head(session)
    rows = []
    for entry in entries:
        row = {**entry, "id": end.id + 1, "at": now_ms(), "previous": end.hash}
        row["hash"] = digest(content(row))
        end = Head(row["id"], row["hash"])
        rows.append(row)
    session.execute(insert(AuditRow), rows)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, undone: SessionTransaction) -> None:
    """What is undone, a savepoint perhaps, leaves no record either."""
    pending = session.info.get(_PENDING)
    if pending:
        pending[:] = [each for each in pending if not _is_within(each[0], undone)]


def _is_within(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while transaction is not None:
        if transaction is outer:
            return True
        transaction = transaction.parent
    return False
