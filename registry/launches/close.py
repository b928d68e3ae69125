"""Ending a launch: telling the cluster to stop it, and keeping what it leaves behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog
from podium.client.entities import RunStatus
from podium.client.errors import PodiumError
from podium.client.launches import LaunchState
from podium.tracker.clock import now_ms
from podium.tracker.models import Run
from podium.tracker.runs.states import set_state
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..launch.faults import InvalidLaunch
from ..launch.kinds import Kind
from ..launch.kube import Away, NotNow, Refused
from ..launch.names import INSTANCE, Manifest, label_value
from ..launch.state import Action, Delete, Patch, Request
from ..launch.targets import TARGETS
from . import leases, logs
from .begin import bring_again
from .objects import holder_before, made_of, named, objects_of
from .tables import LaunchRow

if TYPE_CHECKING:
    from .turn import Turn

_AGAIN_SECONDS = 10.0
# So long logs are tried again: of a node that does not answer, and for a store that does not.
_NODE_MS, _STORE_MS = 60_000, 3_600_000

log = structlog.get_logger("podium.launches")


def stop(turn: Turn, row: LaunchRow) -> None:
    """Tell the cluster; what a pod has written is kept first, for it goes with the pod."""
    if _is_early(turn, row):
        return
    turn.keep_lease()
    if not _are_kept(row):
        try:
            _keep_logs(turn, row)
        except NotNow as later:  # as of a node that is lost, whose pods are to go all the same
            log.info("logs not kept", launch=row.launch_id, reason=later.message)
    try:
        for action in TARGETS[row.target].stop(objects_of(turn, row)):
            _do(turn, action)
    except (NotNow, Refused) as error:  # others are to be stopped all the same
        turn.remark(row, error)
    else:
        turn.memory.refused.pop(row.id, None)
        turn.memory.told.pop(row.id, None)
    turn.memory.stopped[row.id] = time.monotonic()
    turn.step("stopped")


def close(turn: Turn, row: LaunchRow) -> None:
    """Keep the logs of what has ended, end its run, clear away what is left: then it is closed."""
    if row.id in turn.memory.refused and _is_early(turn, row):
        return
    turn.keep_lease()
    try:
        if row.applied is not None and not _are_kept(row):
            ended = row.ended or 0
            _keep_logs(turn, row, store_until=ended + _STORE_MS, node_until=ended + _NODE_MS)
        if row.applied is None:
            _give_back(turn, row)
        if row.applied is None or row.state in (LaunchState.STOPPED, LaunchState.REPLACED):
            _clear_away(turn, row)
    except NotNow as later:
        log.info("launch not closed", launch=row.launch_id, reason=later.message)
        return
    except Refused as refused:
        turn.memory.stopped[row.id] = time.monotonic()
        turn.remark(row, refused)
        if row.applied is not None or row.state != LaunchState.FAILED:
            return  # what never got there is not waited for
    with turn.db.writing() as session:
        leases.check(session, turn.lease)
        _end_run(session, row)
        found = session.get(LaunchRow, row.id, with_for_update=True, populate_existing=True)
        if found is not None:
            found.closed = True
    turn.memory.applied.pop(row.id, None)
    turn.memory.stopped.pop(row.id, None)
    turn.memory.refused.pop(row.id, None)
    turn.memory.told.pop(row.id, None)
    turn.step("closed")


def _is_early(turn: Turn, row: LaunchRow) -> bool:
    """Whether the cluster was told just now."""
    told = turn.memory.stopped.get(row.id, -_AGAIN_SECONDS)
    return time.monotonic() - told < _AGAIN_SECONDS


def leave(turn: Turn, row: LaunchRow) -> bool:
    """Of one that is tried once more: keep what the attempt before has written, and clear it away.
    Whether that is done."""
    if row.attempt == 1:
        return True
    turn.keep_lease()
    wanted = row.desired == "RUN"
    try:
        there = made_of(turn.cluster, row)
        for name in {each["metadata"]["labels"][INSTANCE] for each in there}:
            _keep_logs(turn, row, name, store_until=row.due + _STORE_MS if wanted else 0)
        _delete(turn, row, there)
    except NotNow as later:
        log.info("attempt not left", launch=row.launch_id, reason=later.message)
        return not wanted
    except Refused as refused:
        turn.remark(row, refused)
    turn.step("left")
    return True


def _are_kept(row: LaunchRow) -> bool:
    """Those of its last attempt; of earlier ones they are in folders of their own."""
    return any(each.rpartition("/")[0] == logs.FOLDER for each in json.loads(row.logs))


def _keep_logs(
    turn: Turn, row: LaunchRow, instance: str = "", *, store_until: int = 0, node_until: int = 0
) -> None:
    """Of its pods or, with the name of an ``instance``, of those of the attempt before.

    :class:`NotNow` up to these moments; later, what cannot be had is done without."""
    if row.target == "kfp" or not (instance or row.object_name):
        return
    below = f"{logs.FOLDER}/attempt-{row.attempt - 1}" if instance else logs.FOLDER
    try:
        pods = logs.pods_of(
            turn.cluster, row.namespace, label_value(row.launch_id), instance or row.object_name
        )
        root = logs.folder(turn.db, row.run_id, row.launch_id)
        kept = logs.keep(
            turn.cluster,
            turn.db,
            turn.store,
            root,
            namespace=row.namespace,
            pods=pods,
            below=below,
        )
    except Away:
        raise
    except PodiumError as error:
        log.warning("logs not kept", launch=row.launch_id, reason=error.message)
        if isinstance(error, Refused):
            turn.remark(row, error)
        else:
            _try_again(turn.now, store_until)
        return
    if not kept.whole:
        _try_again(turn.now, node_until)
    if not kept.files:
        return
    with turn.db.writing() as session:
        leases.check(session, turn.lease)
        found = session.get(LaunchRow, row.id, with_for_update=True, populate_existing=True)
        if found is not None:
            before = [each for each in json.loads(found.logs) if each not in kept.files]
            found.log, found.logs = kept.last, json.dumps([*kept.files, *before])
    turn.step("logs kept")


def _try_again(now: int, until: int) -> None:
    if now < until:
        raise NotNow("Its logs cannot be kept yet.")


def _do(turn: Turn, action: Action) -> None:
    match action:
        case Request():
            assert turn.pipelines is not None  # noqa: S101
            turn.pipelines.do(action)
        case Delete():
            kind = Kind(action.api_version, action.kind)
            turn.cluster.delete(kind, action.namespace or "default", action.name)
        case Patch():
            kind = Kind(action.api_version, action.kind)
            turn.cluster.patch(kind, action.namespace or "default", action.name, action.body)


def _clear_away(turn: Turn, row: LaunchRow) -> None:
    """What would else stay suspended, or belong to nobody. Pipelines keeps its runs."""
    if row.target == "kfp":
        return
    _delete(turn, row, objects_of(turn, row))


def _delete(turn: Turn, row: LaunchRow, objects: Iterable[Manifest]) -> None:
    for each in objects:
        if each.get("kind") == "Workload":  # goes with its job
            continue
        kind = Kind(each["apiVersion"], each["kind"])
        turn.cluster.delete(kind, row.namespace, each["metadata"]["name"])


def _give_back(turn: Turn, row: LaunchRow) -> None:
    """To what serves in its place: the parts that were that one's own."""
    before = holder_before(turn, row)
    if before is None:
        return
    theirs = json.loads(before.objects)
    taken = [name for each in made_of(turn.cluster, row) if (name := named(each)) in theirs]
    try:
        if taken:
            bring_again(turn, before, taken)
    except InvalidLaunch as wrong:  # the site does not allow it any more
        log.warning("parts not given back", launch=before.launch_id, reason=wrong.message)


def _end_run(session: Session, row: LaunchRow) -> None:
    """A run that its code did not end, because it was stopped or never began."""
    if row.run_id is None:
        return
    run = session.scalar(
        select(Run)
        .where(Run.run_id == row.run_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if run is None or run.status not in (RunStatus.RUNNING, RunStatus.SCHEDULED):
        return
    run.alive_until = None
    run.end_time = max(run.start_time, now_ms())  # it began by the clock of its pod
    set_state(session, run, _RUNS.get(LaunchState(row.state), RunStatus.FAILED))


_RUNS = {LaunchState.SUCCEEDED: RunStatus.FINISHED, LaunchState.STOPPED: RunStatus.KILLED}
