"""Bringing a launch to its cluster."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from podium.client.entities import LifecycleStage, RunStatus, VersionStatus
from podium.client.errors import PodiumError
from podium.client.launches import LaunchState
from podium.tracker import runs
from podium.tracker.models import Run
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..launch.diagnose import Diagnosis, diagnose
from ..launch.faults import InvalidLaunch
from ..launch.kube import NotNow, Refused
from ..launch.names import Manifest
from ..launch.spec import Purpose
from ..models import ModelVersion
from ..promotion.tables import InspectionRow
from .leases import backoff
from .monitors import NO_MONITOR, without_unknown
from .objects import named
from .plan import Plan, asked
from .tables import LaunchRow
from .taken import taken
from .write import end, remark, set_state

if TYPE_CHECKING:
    from .turn import Slots, Turn

LONGEST_RETRY_MS = 300_000


def plan(turn: Turn, row: LaunchRow) -> None:
    """Find out where it goes and what its objects are called."""
    if _is_unread(turn, row):
        return
    try:
        made = turn.plan_of(row)
    except InvalidLaunch as wrong:
        _refuse(turn, row, "Invalid", wrong.message)
        return
    with turn.writing(row) as (session, current):
        if current is None:
            return
        current.cluster, current.namespace = made.cluster, made.namespace
        current.object_name = made.name
        current.objects, current.rates = json.dumps(made.objects), json.dumps(made.rates)
        current.currency = turn.site.prices.currency
        current.digest = current.digest or _digest(session, row)
        current.queue, current.deadline = made.spec.queue or "", made.spec.deadline
    turn.step("planned")


def _is_unread(turn: Turn, row: LaunchRow) -> bool:
    """Whether a worker is about to read the version's files for the first time.

    What a launch says of a version counts for its files, so it must be known which they are before
    it begins. To serve says nothing.
    """
    if row.purpose == Purpose.SERVE or row.model is None or row.version is None:
        return False
    of_version = (
        select(ModelVersion.digest, ModelVersion.status, InspectionRow.status)
        .outerjoin(InspectionRow, InspectionRow.version == ModelVersion.id)
        .where(
            ModelVersion.model == row.model,
            ModelVersion.version == row.version,
            ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE,
            ModelVersion.storage_location != "",
        )
    )
    with turn.db.reading() as session:
        found = session.execute(of_version).first()
    if found is None:
        return False
    digest, status, inspection = found
    return digest is None and status == VersionStatus.READY and inspection in (None, "RUNNING")


def _digest(session: Session, row: LaunchRow) -> str:
    """Of the files as they are now, where nobody had looked at them when it was started."""
    of_version = select(ModelVersion.digest).where(
        ModelVersion.model == row.model, ModelVersion.version == row.version
    )
    return session.scalar(of_version) or ""


def begin(turn: Turn, row: LaunchRow, newest: Slots) -> None:
    """Bring it to the cluster if it is not there and its time has come."""
    latest = newest.get((row.namespace, row.object_name), row)
    if latest.id != row.id:
        if row.uid is None:  # a later will came before this one was carried out
            with turn.writing(row) as (session, current):
                if current is not None:
                    end(session, current, LaunchState.REPLACED)
        return
    # Whether one that is to stop got there all the same will be seen.
    if row.uid is not None or row.desired == "STOP" or row.due > turn.now:
        return
    turn.keep_lease()
    try:
        _make_run(turn, row)
        uid, remarks = _apply(turn, turn.plan_of(row))
    except InvalidLaunch as wrong:
        _refuse(turn, row, "Invalid", wrong.message)
    except Refused as refused:
        found = diagnose([refused.answer])
        _refuse(turn, row, found.code if found else "Refused", refused.message, found)
    except NotNow as later:
        _try_later(turn, row, later)
    except PodiumError as error:
        if error.retryable:  # the cluster or the database is away, which says nothing of a launch
            raise
        # The run cannot be made.
        _refuse(turn, row, "NoRun", error.message)
    else:
        turn.step("applied")
        turn.memory.applied[row.id] = time.monotonic()
        _note_applied(turn, row, uid, remarks)
        turn.step("written")


def _make_run(turn: Turn, row: LaunchRow) -> None:
    """The run that the code is to log to, unless somebody has named one: twice is once."""
    if row.run_id is None or asked(row.spec).get("run_id"):
        return
    about = f" v{row.version}" if row.version else ""
    place = _experiment_of(turn, row)
    runs.create_run(
        turn.db,
        run_id=row.run_id,
        experiment_id=place,
        experiment_name=None if place else row.name,
        run_name=f"{row.purpose} {row.name}{about}",
        user_id=row.author,
        status=RunStatus.SCHEDULED,
        tags={"podium.launch": row.launch_id},
    )
    turn.step("run made")


def _experiment_of(turn: Turn, row: LaunchRow) -> str | None:
    """That of the run which made the version; None where there is none any more."""
    with turn.db.reading() as session:
        made_by = session.scalar(
            select(ModelVersion.run_id).where(
                ModelVersion.model == row.model, ModelVersion.version == row.version
            )
        )
        found = select(Run.experiment_id).where(
            Run.run_id == (made_by or ""), Run.lifecycle_stage == "active"
        )
        number = session.scalar(found)
        return None if number is None else str(number)


def _apply(turn: Turn, made: Plan) -> tuple[str, list[str]]:
    """All objects, the main one last; the others are its own, so that they go with it. The main
    one's uid, and what is to be said of those that cannot be made."""
    if made.spec.target == "kfp":
        assert turn.pipelines is not None  # noqa: S101  (a plan without them is refused)
        return str(turn.pipelines.ensure(made.manifests[0]["body"])["run_id"]), []
    manifests, remarks = without_unknown(turn.cluster, made.manifests)
    *others, main = manifests
    for each in manifests:
        if (why := taken(turn.db, turn.cluster, made, each)) is not None:
            raise NotNow(f"{why.sentence} {why.fix}")
    if others and made.spec.purpose is Purpose.SERVE:
        # What serves now is to stay whole where this is refused.
        for each in manifests:
            turn.cluster.apply(each, dry_run=True)
    for each in others:
        turn.cluster.apply(each)
        turn.step("applied another")
    there = turn.cluster.apply(main)
    uid = str(there["metadata"]["uid"])
    for each in others:
        turn.step("applied main")
        turn.cluster.apply(_owned(each, main, uid))
    return uid, remarks


def bring_again(turn: Turn, row: LaunchRow, objects: list[list[str]]) -> None:
    """Those of its parts (apiVersion, kind and name) that another has changed."""
    *others, main = turn.plan_of(row).manifests
    for each in others:
        if named(each) in objects:
            turn.cluster.apply(_owned(each, main, str(row.uid)))


def _owned(part: Manifest, main: Manifest, uid: str) -> Manifest:
    api_version, kind, name = named(main)
    owner = {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}
    return {**part, "metadata": {**part["metadata"], "ownerReferences": [owner]}}


def _note_applied(turn: Turn, row: LaunchRow, uid: str, remarks: list[str]) -> None:
    with turn.writing(row) as (session, current):
        if current is None:
            return
        current.uid, current.applied, current.tries = uid, turn.now, 0
        current.counted = turn.now if current.counted is None else current.counted
        set_state(session, current, LaunchState.PENDING)
        for each in remarks:
            remark(session, current, NO_MONITOR, each)


def _try_later(turn: Turn, row: LaunchRow, later: NotNow) -> None:
    with turn.writing(row) as (session, current):
        if current is None:
            return
        current.tries += 1
        wait = backoff(current.tries, longest=LONGEST_RETRY_MS)
        current.due = turn.now + max(wait, int((later.retry_after or 0) * 1000))
        set_state(session, current, LaunchState.WAITING, reason="NotNow", message=later.message)


def _refuse(
    turn: Turn, row: LaunchRow, reason: str, message: str, found: Diagnosis | None = None
) -> None:
    with turn.writing(row) as (session, current):
        if current is None:
            return
        current.diagnosis = json.dumps(asdict(found)) if found else ""
        end(session, current, LaunchState.FAILED, reason=reason, message=message)
