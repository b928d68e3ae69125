"""Looking at what is in the cluster, and writing down how each launch stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from podium.client.launches import LaunchState
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..launch.diagnose import NO_KUEUE, Diagnosis, diagnose
from ..launch.kinds import WORKLOAD, Kind
from ..launch.kube import NotNow, Refused
from ..launch.names import Manifest, label_value
from ..launch.state import QUEUED
from . import leases
from .begin import LONGEST_RETRY_MS
from .close import stop
from .observe import Observed, Standing, observe
from .tables import LaunchRow
from .turn import current, slots
from .view import complaints_about, needed
from .write import ask_to_stop, end, note, set_state

if TYPE_CHECKING:
    from .turn import Slots, Turn

_GRACE_MS = 60_000  # a system ends what is over its deadline itself; after this we do
_COUNT_MS = 30_000
_AT_ONCE = 100


def look(turn: Turn, rows: list[LaunchRow]) -> None:
    places = {
        place
        for row in rows
        if row.target != "kfp"
        for place in needed(_kinds(row), row.namespace, queued=bool(row.queue))
    }
    turn.view.refresh(places)
    objects = turn.view.of_launches()
    seen = {row.id: _observe(turn, row, objects) for row in rows}
    newest = slots(rows)
    for start in range(0, len(rows), _AT_ONCE):
        turn.keep_lease()
        _write(turn, rows[start : start + _AT_ONCE], seen, newest)
    turn.step("seen")
    for row in rows:
        if row.desired == "STOP" and not seen[row.id].over:
            stop(turn, row)


def _observe(
    turn: Turn, row: LaunchRow, found: Mapping[tuple[str, str], list[Manifest]]
) -> Observed:
    now = turn.now
    standing = Standing(
        target=row.target,
        purpose=row.purpose,
        desired=row.desired,
        stop_reason=row.stop_reason,
        attempt=row.attempt,
        counted=row.counted or now,
        rates=json.loads(row.rates),
        diagnosis=_found_before(row),
    )
    if row.target == "kfp":
        return _observe_run(turn, row, standing)
    objects = list(found.get((label_value(row.launch_id), row.object_name), ()))
    places = needed(_kinds(row), row.namespace, queued=bool(row.queue))
    workload = turn.view.workloads(row.namespace).get(row.uid or "") if row.queue else None
    if workload is not None:
        objects.append(workload)
    applied = turn.memory.applied.get(row.id, 0.0)
    complete = turn.view.listed_since(_kinds(row), row.namespace, applied)
    if row.desired == "STOP" and not objects and not complete:
        turn.view.look_again()  # it seems to be gone: find out now, and not at the next list
    seen = observe(standing, objects, (), now=now, complete=complete)
    unread = None
    if seen.state in (LaunchState.PENDING, LaunchState.FAILED) and objects:
        warnings = complaints_about(turn.view.warnings(row.namespace), objects)
        seen = observe(standing, objects, tuple(warnings), now=now, complete=complete)
        unread = None if seen.diagnosis else turn.view.unread(row.namespace)
    if seen.over or seen.again:
        return seen
    if seen.reason == QUEUED and turn.view.is_missing(WORKLOAD, row.namespace):
        return replace(seen, diagnosis=NO_KUEUE)
    if seen.unknown and row.uid:
        seen = _as_it_stood(row, seen)
    refused = (
        turn.view.unlisted(places)
        or turn.memory.refused.get(row.id)
        or turn.view.unwatched(places)
        or unread
    )
    return replace(seen, diagnosis=diagnose([refused.answer])) if refused else seen


def _observe_run(turn: Turn, row: LaunchRow, standing: Standing) -> Observed:
    """Of Kubeflow Pipelines, which may be away while the cluster is not."""
    stands = _as_it_stood(row, Observed(LaunchState(row.state)))
    try:
        run = turn.pipeline_run(row)
    except NotNow as later:
        return replace(stands, reason="NotNow", message=later.message)
    except Refused as refused:
        return replace(stands, diagnosis=diagnose([refused.answer]), message=refused.message)
    return observe(standing, [run] if run else [], (), now=turn.now, complete=True)


def _as_it_stood(row: LaunchRow, seen: Observed) -> Observed:
    return replace(
        seen,
        state=LaunchState(row.state),
        reason=row.reason,
        message=row.message,
        diagnosis=_found_before(row),
        endpoint=row.endpoint,
    )


def _found_before(row: LaunchRow) -> Diagnosis | None:
    return Diagnosis(**json.loads(row.diagnosis)) if row.diagnosis else None


def _write(
    turn: Turn, rows: Sequence[LaunchRow], seen: Mapping[int, Observed], newest: Slots
) -> None:
    """One transaction for many: most of them stand as they stood."""
    with turn.db.writing() as session:
        leases.check(session, turn.lease)
        for row in rows:
            latest = newest.get((row.namespace, row.object_name), row)
            replaced = latest.id != row.id and latest.uid is not None
            brought = row.uid is not None or row.desired == "STOP"
            if not replaced and (latest.id != row.id or not brought):
                continue
            if not replaced and not _is_news(turn, row, seen[row.id]):
                continue
            there = current(session, row)
            if there is None:
                continue
            if replaced:
                end(session, there, LaunchState.REPLACED)
            else:
                _settle(turn, session, there, seen[row.id])


def _is_news(turn: Turn, row: LaunchRow, seen: Observed) -> bool:
    """Whether something has changed, or what it uses has not been added up for a while."""
    if seen.over or seen.again or seen.lost or turn.now - (row.counted or 0) > _COUNT_MS:
        return True
    told = (row.state, row.reason, row.endpoint, row.diagnosis)
    return told != (seen.state, _why(seen), seen.endpoint, _diagnosis(seen))


def _settle(turn: Turn, session: Session, row: LaunchRow, seen: Observed) -> None:
    row.gpu_seconds += seen.usage.gpu_seconds
    row.cost += seen.usage.cost
    if row.counted is not None:
        row.counted = turn.now
    row.endpoint = seen.endpoint
    row.diagnosis = _diagnosis(seen)
    if seen.state in (LaunchState.RUNNING, LaunchState.READY) and row.started is None:
        row.started = turn.now
    if seen.again and row.desired == "RUN":
        _again(turn, session, row, seen)
    elif seen.lost and row.desired == "RUN":
        # It serves as long as it is wanted: somebody has deleted it, so it is made again.
        row.uid, row.due = None, turn.now
        set_state(session, row, LaunchState.WAITING, reason="Gone")
    elif seen.over or seen.again:
        end(session, row, seen.state, reason=_why(seen), message=seen.message)
    else:
        set_state(session, row, seen.state, reason=_why(seen), message=seen.message)
        _after(turn, session, row, seen)


def _again(turn: Turn, session: Session, row: LaunchRow, seen: Observed) -> None:
    """Another attempt, under another name: what happened was not the code's fault."""
    before = row.state
    row.attempt, row.uid, row.object_name, row.applied = row.attempt + 1, None, "", None
    row.due = turn.now + leases.backoff(row.attempt, longest=LONGEST_RETRY_MS)
    row.state, row.reason = LaunchState.WAITING, _why(seen)
    row.message = seen.diagnosis.sentence if seen.diagnosis else seen.message
    note(session, row, before=before)


def _after(turn: Turn, session: Session, row: LaunchRow, seen: Observed) -> None:
    """What follows from how it stands: others make way, and time runs out."""
    if row.purpose == "serve":
        if seen.state is LaunchState.READY and row.stage and row.model is not None:
            _make_way(session, row)
        return
    # In a queue time does not run.
    since = row.started or (None if row.queue else row.applied)
    if (
        row.deadline is not None
        and since is not None
        and turn.now > since + row.deadline * 1000 + _GRACE_MS
    ):
        ask_to_stop(session, row, "DeadlineExceeded")


def _make_way(session: Session, row: LaunchRow) -> None:
    """What served the stage before, as another object, is not needed any more."""
    before = session.scalars(
        select(LaunchRow)
        .where(
            LaunchRow.model == row.model,
            LaunchRow.stage == row.stage,
            LaunchRow.purpose == "serve",
            LaunchRow.ended.is_(None),
            LaunchRow.id < row.id,
            LaunchRow.object_name != row.object_name,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for each in before:
        ask_to_stop(session, each, "Replaced")


def _diagnosis(seen: Observed) -> str:
    return json.dumps(asdict(seen.diagnosis)) if seen.diagnosis else ""


def _why(seen: Observed) -> str:
    """One word: what was diagnosed says more than what the system calls it."""
    return seen.diagnosis.code if seen.diagnosis else seen.reason


def _kinds(row: LaunchRow) -> list[Kind]:
    """Those whose objects say how it stands."""
    return list(_said(row))


_SILENT = ("HorizontalPodAutoscaler", "PodMonitor", "ServiceMonitor")


def _said(row: LaunchRow) -> Iterator[Kind]:
    for api_version, kind, _ in json.loads(row.objects):
        if kind not in _SILENT:
            yield Kind(api_version, kind)
