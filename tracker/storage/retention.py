"""Policies that say how long things are kept, and what follows from them now.

A policy is for the experiments whose name matches a pattern. It takes runs that ended so many days
ago to the trash; or leaves them, and takes their files, or every point but the summaries (last,
first, min, max, count); or takes logged models to the trash. Runs that are going on, held or
needed by a registered version are never touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from podium.client.entities import LifecycleStage, RunStatus
from podium.client.errors import BadRequest, NotFound
from podium.client.rules import check_text
from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select
from sqlalchemy.orm import Session

from .. import audit
from ..auth.caller import caller
from ..clock import now_ms
from ..db import Database
from ..logged_models.tables import LoggedModel
from ..metrics import whole
from ..metrics.tables import MetricBatch, MetricBlock, MetricWriter
from ..models import Experiment, Run, Tag
from .clocks import check_clocks
from .holds import held
from .needed import needed
from .places import folder_of
from .tables import RetentionPolicy, StoredOfModel, StoredOfRun
from .trash import doom

RUNS, POINTS, FILES, MODELS = "runs", "points", "files", "models"
KINDS = (RUNS, POINTS, FILES, MODELS)
ENDED = (RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED)
POINTS_TAG, FILES_TAG = "podium.points_removed", "podium.files_removed"

_DAY_MS = 24 * 3_600_000
_AT_ONCE = 100

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Policy:
    """``glob`` is of names of experiments; ``states`` are those of runs it is for."""

    id: int
    glob: str
    what: str
    days: int
    states: tuple[str, ...]
    author: str
    created: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a policy does, or would do: to how many runs or logged models of how many bytes."""

    policy: Policy
    things: int
    bytes: int
    kept: int
    """Old enough, but held or needed."""


def add_policy(
    db: Database, *, glob: str, what: str, days: int, states: Sequence[str] = ()
) -> Policy:
    """From the next :func:`apply` on; for runs in all ended states unless some are named."""
    check_text(glob, "experiments", limit=500)
    if not glob.strip():
        raise BadRequest("'experiments' is empty: give a name, or a pattern of names as in 'ci-*'.")
    if what not in KINDS:
        raise BadRequest(f"'what' must be one of {', '.join(KINDS)}.")
    if not 1 <= days <= 36_500:
        raise BadRequest("'days' must be a number of days between 1 and 36500.")
    if wrong := [each for each in states if each not in ENDED]:
        raise BadRequest(f"'states' has {wrong[0][:40]!r}: give some of {', '.join(ENDED)}.")
    with db.writing() as session:
        row = RetentionPolicy(
            glob=glob,
            what=what,
            days=days,
            states=",".join(states or ENDED),
            author=caller().name,
            created=now_ms(),
        )
        session.add(row)
        session.flush()
        told = {"experiments": glob, "what": what, "days": days, "states": row.states}
        audit.record(session, "retention.add", f"retention:{row.id}", after=told)
        return _policy(row)


def delete_policy(db: Database, policy_id: int) -> None:
    with db.writing() as session:
        row = session.get(RetentionPolicy, policy_id)
        if row is None:
            raise NotFound(f"There is no retention policy {policy_id}.")
        session.delete(row)
        told = {"experiments": row.glob, "what": row.what, "days": row.days}
        audit.record(session, "retention.delete", f"retention:{row.id}", before=told)


def list_policies(db: Database) -> list[Policy]:
    with db.reading() as session:
        return [
            _policy(row)
            for row in session.scalars(select(RetentionPolicy).order_by(RetentionPolicy.id))
        ]


def look(db: Database) -> list[Effect]:
    """What :func:`apply` would do now. Changes nothing."""
    found = []
    for policy in list_policies(db):
        things = size = kept = 0
        for page in _pages(db, policy):
            with db.reading() as session:
                going = _going(session, policy, page)
                things += len(going)
                kept += len(page) - len(going)
                size += _bytes(session, policy, going)
        found.append(Effect(policy, things, size, kept))
    return found


def apply(db: Database, *, step: Step = lambda _name: None) -> list[Effect]:
    """Do it. Cut short, it has done a part, and does the rest the next time."""
    check_clocks(db)
    found = []
    for policy in list_policies(db):
        things = size = kept = 0
        for page in _pages(db, policy):
            with db.writing() as session:
                locked = _locked(session, policy, page)
                going = _going(session, policy, [row.id for row in locked])
                rows = [row for row in locked if row.id in set(going)]
                size += _bytes(session, policy, going)
                things += len(rows)
                kept += len(page) - len(rows)
                if rows:
                    _DO[policy.what](session, rows)
                    _record(session, policy, rows)
                step("before the commit")
            step("after the commit")
        found.append(Effect(policy, things, size, kept))
    return found


def _pages(db: Database, policy: Policy) -> Iterator[list[int]]:
    """Ids of what is old enough, some at a time."""
    table: Any = LoggedModel if policy.what == MODELS else Run
    with db.reading() as session:
        named = session.execute(select(Experiment.id, Experiment.name))
        experiments = [id_ for id_, name in named if fnmatchcase(name, policy.glob)]
    for experiment in experiments:
        after = 0
        while True:
            due = _due(policy)
            with db.reading() as session:
                page = list(
                    session.scalars(
                        select(table.id)
                        .where(table.experiment_id == experiment, table.id > after, due)
                        .order_by(table.id)
                        .limit(_AT_ONCE)
                    )
                )
            if not page:
                break
            after = page[-1]
            yield page


def _due(policy: Policy) -> ColumnElement[bool]:
    before = now_ms() - policy.days * _DAY_MS
    if policy.what == MODELS:
        old = LoggedModel.last_update_time <= before
        return and_(LoggedModel.lifecycle_stage == LifecycleStage.ACTIVE, old)
    ended = func.coalesce(Run.end_time, Run.start_time) <= before
    rules = [
        Run.lifecycle_stage == LifecycleStage.ACTIVE,
        Run.status.in_(policy.states),
        ended,
    ]
    if policy.what == POINTS:
        rules.append(
            or_(
                exists().where(MetricBlock.run == Run.id),
                exists().where(MetricBatch.run == Run.id),
            )
        )
    elif policy.what == FILES:
        rules.append(~exists().where(Tag.run == Run.id, Tag.key == FILES_TAG))
        # Until a count has seen files there is nothing to remove.
        rules.append(exists().where(StoredOfRun.run == Run.id, StoredOfRun.files > 0))
    return and_(*rules)


def _locked(session: Session, policy: Policy, ids: Sequence[int]) -> Sequence[Any]:
    table: Any = LoggedModel if policy.what == MODELS else Run
    rows = select(table).where(table.id.in_(ids), _due(policy)).order_by(table.id)
    found: Sequence[Any] = session.scalars(rows.with_for_update()).all()
    return found


def _going(session: Session, policy: Policy, ids: Sequence[int]) -> list[int]:
    """Those that are neither held nor needed. Ask after they are locked: see ``sources``."""
    holds, used = held(session), needed(session)
    if policy.what == MODELS:
        models = session.scalars(select(LoggedModel).where(LoggedModel.id.in_(ids)))
        return [
            row.id
            for row in models
            if row.model_id not in used.models
            and not holds.run(row.source_run_id, row.experiment_id)
            and not used.below(folder_of(row.artifact_uri).key)
        ]
    runs = session.scalars(select(Run).where(Run.id.in_(ids)).order_by(Run.id))
    return [
        row.id
        for row in runs
        if row.run_id not in used.runs
        and not holds.run(row.run_id, row.experiment_id)
        and not used.below(folder_of(row.artifact_uri).key)
    ]


def _delete(_session: Session, rows: Sequence[Any]) -> None:
    for row in rows:
        row.lifecycle_stage, row.deleted = LifecycleStage.DELETED, now_ms()


def _remove_points(session: Session, rows: Sequence[Any]) -> None:
    """The numbers of batches stay, so that one that is sent again is still known."""
    for row in rows:
        numbers = whole.writers(session, row.id)
        for table in (MetricBlock, MetricBatch, MetricWriter):
            session.execute(delete(table).where(table.run == row.id))
        if numbers:
            known = [
                {"run": row.id, "writer": writer, "first": first, "last": last}
                for writer, first, last in numbers
            ]
            session.execute(insert(MetricWriter), known)
        _tag(session, row, POINTS_TAG)


def _remove_files(session: Session, rows: Sequence[Any]) -> None:
    for row in rows:
        doom(session, folder_of(row.artifact_uri).key, "policy", session.get(StoredOfRun, row.id))
        _tag(session, row, FILES_TAG)


_DO = {RUNS: _delete, MODELS: _delete, POINTS: _remove_points, FILES: _remove_files}


def _tag(session: Session, run: Run, key: str) -> None:
    session.merge(Tag(run=run.id, key=key, value=time.strftime("%Y-%m-%d", time.gmtime())))


def _record(session: Session, policy: Policy, rows: Sequence[Any]) -> None:
    names = [row.model_id if policy.what == MODELS else row.run_id for row in rows]
    audit.record(
        session,
        "retention.apply",
        f"experiment:{rows[0].experiment_id}",
        before={policy.what: names},
        reason=f"retention policy {policy.id}: {policy.what} of {policy.glob}, {policy.days} days",
    )


def _bytes(session: Session, policy: Policy, ids: Sequence[int]) -> int:
    if policy.what == MODELS:
        sizes = select(StoredOfModel.file_bytes).where(StoredOfModel.model.in_(ids))
    elif policy.what == POINTS:
        sizes = select(StoredOfRun.point_bytes).where(StoredOfRun.run.in_(ids))
    elif policy.what == FILES:
        sizes = select(StoredOfRun.file_bytes).where(StoredOfRun.run.in_(ids))
    else:
        both = StoredOfRun.file_bytes + StoredOfRun.point_bytes
        sizes = select(both).where(StoredOfRun.run.in_(ids))
    return sum(session.scalars(sizes))


def _policy(row: RetentionPolicy) -> Policy:
    states = tuple(row.states.split(","))
    return Policy(row.id, row.glob, row.what, row.days, states, row.author, row.created)
