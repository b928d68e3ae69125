"""Adding a launch, and changing its state: in somebody's transaction, told of in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from podium.client.launches import LaunchState
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..events import launch_state_changed
from ..models import ModelVersion
from ..outbox import emit
from ..promotion.waking import wake_version
from .plan import logs_to_a_run
from .tables import LaunchEventRow, LaunchRow

MAX_MESSAGE = 2000


def add(
    session: Session,
    spec: Mapping[str, Any],
    *,
    name: str,
    version: ModelVersion | None,
    rule: int | None = None,
    launch_id: str | None = None,
    author: str | None = None,
) -> LaunchRow:
    """A launch that is to come; the worker finds it. ``version`` is what it is of, if anything.

    A ``launch_id`` that was chosen before is that of one launch: a second one is refused.

    Code that trains or evaluates gets a run to log to, unless the spec names one.
    """
    source = spec.get("source") or {}
    run = spec.get("run_id")
    if run is None and logs_to_a_run(spec):
        run = uuid.uuid4().hex
    row = LaunchRow(
        launch_id=launch_id or uuid.uuid4().hex,
        model=None if version is None else version.model,
        name=name,
        version=None if version is None else version.version,
        stage=str(source.get("stage") or ""),
        digest="" if version is None else version.digest or "",
        rule=rule,
        run_id=run,
        purpose=str(spec["purpose"]),
        target=str(spec["target"]),
        spec=json.dumps(dict(spec)),
        author=author or caller().name,
        created=now_ms(),
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        "launch.start",
        subject(row),
        after={
            "purpose": row.purpose,
            "target": row.target,
            "model": row.name,
            "version": row.version,
            "stage": row.stage,
            "rule": rule,
        },
    )
    note(session, row, before="")
    return row


def set_state(
    session: Session, row: LaunchRow, state: LaunchState, *, reason: str = "", message: str = ""
) -> None:
    """What is seen now; an event where the state or its reason is another than before."""
    before, told = row.state, (row.state, row.reason)
    row.state, row.reason, row.message = state, reason[:200], message[:MAX_MESSAGE]
    if told != (row.state, row.reason):
        note(session, row, before=before)


def end(
    session: Session, row: LaunchRow, state: LaunchState, *, reason: str = "", message: str = ""
) -> None:
    """For good."""
    row.ended = now_ms()
    set_state(session, row, state, reason=reason, message=message)


def ask_to_stop(session: Session, row: LaunchRow, reason: str = "") -> None:
    """Let the worker stop it; twice is once."""
    if row.ended is None and row.desired != "STOP":
        row.desired, row.stop_reason = "STOP", reason
        audit.record(session, "launch.stop", subject(row), reason=reason or None)


def rename(session: Session, model: int, name: str) -> None:
    """The model has another name: its launches are found by that."""
    session.execute(update(LaunchRow).where(LaunchRow.model == model).values(name=name))


def stop_all_of(session: Session, model: int) -> None:
    """The model is deleted: nothing of it runs or serves any more."""
    rows = session.scalars(
        select(LaunchRow)
        .where(LaunchRow.model == model, LaunchRow.ended.is_(None))
        .with_for_update()
    )
    for row in rows.all():
        ask_to_stop(session, row, "ModelDeleted")
    session.flush()


def subject(row: LaunchRow) -> str:
    return f"launch:{row.launch_id}"


def remark(session: Session, row: LaunchRow, reason: str, message: str) -> None:
    """An event that changes nothing of how it stands; also of one that has ended."""
    session.add(
        LaunchEventRow(
            launch=row.id,
            at=now_ms(),
            actor=caller().name,
            attempt=row.attempt,
            state=row.state,
            reason=reason,
            message=message[:MAX_MESSAGE],
        )
    )


def note(session: Session, row: LaunchRow, *, before: str) -> None:
    remark(session, row, row.reason or "", row.message or "")
    emit(
        session,
        launch_state_changed(
            launch_id=row.launch_id,
            name=row.name,
            version=row.version,
            target=row.target,
            from_state=before,
            to_state=row.state,
            reason=row.reason or "",
        ),
    )
    if row.model is not None and row.version is not None:
        wake_version(session, row.model, row.version)
