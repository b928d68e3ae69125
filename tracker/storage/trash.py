"""What was deleted long ago is removed for good: rows at once, files after them.

Deleting is soft and can be undone until then. The rows of a run go in one transaction, which also
writes down its folder: whoever sweeps next removes the files, so that no run is ever there without
the files it had. What is held or needed stays in the trash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from podium.client.entities import LifecycleStage
from podium.client.errors import PodiumError
from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..clock import now_ms
from ..db import Database, insert
from ..logged_models.tables import LoggedModel
from ..models import Experiment, Run
from .clocks import check_clocks
from .count import EXPERIMENT
from .holds import Held, held
from .needed import Needed, needed
from .places import folder_of
from .tables import Doomed, Quota, StoredOfModel, StoredOfRun

DAYS = 30
_DAY_MS = 24 * 3_600_000
_AT_ONCE = 100

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Emptied:
    """``bytes`` are those of the last count; ``kept`` are things that are held or needed."""

    runs: int = 0
    models: int = 0
    experiments: int = 0
    bytes: int = 0
    kept: int = 0


@dataclass(frozen=True, slots=True)
class _Kind:
    """Runs or logged models: how they are named, and what the last count says of them."""

    word: str
    table: type[Run] | type[LoggedModel]
    name: Any
    stored: type[StoredOfRun] | type[StoredOfModel]
    of: Any

    def may_go(self, row: Any, kept: Held, used: Needed) -> bool:
        run_id = row.run_id if self.table is Run else row.source_run_id
        ids = used.runs if self.table is Run else used.models
        name = row.run_id if self.table is Run else row.model_id
        if name in ids or kept.run(run_id, row.experiment_id):
            return False
        return not used.below(_folder(row))


_RUNS = _Kind("run", Run, Run.run_id, StoredOfRun, StoredOfRun.run)
_MODELS = _Kind(
    "logged_model", LoggedModel, LoggedModel.model_id, StoredOfModel, StoredOfModel.model
)


def look(db: Database, *, days: int = DAYS) -> Emptied:
    """What :func:`empty` would remove now. Changes nothing."""
    cutoff = now_ms() - days * _DAY_MS
    counts: dict[str, int] = {}
    size = kept = 0
    with db.reading() as session:
        holds, used = held(session), needed(session)
        for kind in (_RUNS, _MODELS):
            after = 0
            while rows := _due(session, kind, cutoff, after):
                after = rows[-1].id
                going = [row for row in rows if kind.may_go(row, holds, used)]
                kept += len(rows) - len(going)
                counts[kind.word] = counts.get(kind.word, 0) + len(going)
                size += _bytes(session, kind, [row.id for row in going])
    return Emptied(counts.get("run", 0), counts.get("logged_model", 0), 0, size, kept)


def empty(db: Database, *, days: int = DAYS, step: Step = lambda _name: None) -> Emptied:
    """Remove what was deleted ``days`` ago or more; an experiment when nothing is left in it."""
    check_clocks(db)
    _date(db)
    cutoff = now_ms() - days * _DAY_MS
    runs, run_bytes, kept = _empty(db, _RUNS, cutoff, step)
    models, model_bytes, models_kept = _empty(db, _MODELS, cutoff, step)
    experiments = _empty_experiments(db, cutoff)
    return Emptied(runs, models, experiments, run_bytes + model_bytes, kept + models_kept)


def _date(db: Database) -> None:
    """What has come here deleted, with an import, counts as deleted now."""
    with db.writing() as session:
        for table in (Run, LoggedModel):
            undated = (table.lifecycle_stage == LifecycleStage.DELETED) & table.deleted.is_(None)
            session.execute(update(table).where(undated).values(deleted=now_ms()))


def _due(session: Session, kind: _Kind, cutoff: int, after: int) -> Sequence[Any]:
    table: Any = kind.table
    found: Sequence[Any] = session.scalars(
        select(table)
        .where(
            table.lifecycle_stage == LifecycleStage.DELETED,
            table.deleted <= cutoff,
            table.id > after,
        )
        .order_by(table.id)
        .limit(_AT_ONCE)
    ).all()
    return found


def _empty(db: Database, kind: _Kind, cutoff: int, step: Step) -> tuple[int, int, int]:
    removed = size = kept = after = 0
    while True:
        with db.writing() as session:
            rows = _due(session, kind, cutoff, after)
            if not rows:
                return removed, size, kept
            after = rows[-1].id
            going = _locked(session, kind, cutoff, [row.id for row in rows])
            # Now that nobody can register them: see ``registry.sources.keep``.
            holds, used = held(session), needed(session)
            going = [row for row in going if kind.may_go(row, holds, used)]
            kept += len(rows) - len(going)
            if going:
                size += _remove(session, kind, going)
                removed += len(going)
            step(f"{kind.word}s are going")
        step(f"{kind.word}s are gone")


def _locked(session: Session, kind: _Kind, cutoff: int, ids: Sequence[int]) -> Sequence[Any]:
    """Those still deleted, with nobody able to restore them any more."""
    table: Any = kind.table
    still = (table.lifecycle_stage == LifecycleStage.DELETED) & (table.deleted <= cutoff)
    rows = select(table).where(table.id.in_(ids), still).order_by(table.id).with_for_update()
    found: Sequence[Any] = session.scalars(rows.execution_options(populate_existing=True)).all()
    return found


def _remove(session: Session, kind: _Kind, rows: Sequence[Any]) -> int:
    """Remove the rows, write down their folders, and say so in the audit log; how many bytes."""
    ids = [row.id for row in rows]
    stored: Any = kind.stored
    sizes = {
        getattr(each, kind.of.key): each
        for each in session.scalars(select(stored).where(kind.of.in_(ids)))
    }
    by_experiment: dict[int, list[str]] = {}
    for row in rows:
        counted = sizes.get(row.id)
        doom(session, _folder(row), "purged", counted)
        name = row.run_id if kind.table is Run else row.model_id
        by_experiment.setdefault(row.experiment_id, []).append(name)
    size = _bytes(session, kind, ids)
    session.expunge_all()
    table: Any = kind.table
    session.execute(delete(table).where(table.id.in_(ids)).execution_options(**_NO_SYNC))
    for experiment, names in by_experiment.items():
        subject = f"experiment:{experiment}"
        audit.record(session, f"{kind.word}.purge", subject, before={f"{kind.word}s": names})
    return size


_NO_SYNC = {"synchronize_session": False}


def doom(
    session: Session, folder: str, why: str, counted: StoredOfRun | StoredOfModel | None
) -> None:
    """Write down that the files of a folder are to go at once."""
    values = {
        "why": why,
        "since": now_ms(),
        "files": counted.files if counted else 0,
        "file_bytes": counted.file_bytes if counted else 0,
    }
    row = insert(session, Doomed).values(place=folder, **values)
    session.execute(row.on_conflict_do_update(index_elements=["place"], set_=values))


def _empty_experiments(db: Database, cutoff: int) -> int:
    with db.writing() as session:
        kept = held(session)
        has_runs = exists().where(Run.experiment_id == Experiment.id)
        has_models = exists().where(LoggedModel.experiment_id == Experiment.id)
        rows = session.scalars(
            select(Experiment)
            .where(
                Experiment.id != 0,
                Experiment.lifecycle_stage == LifecycleStage.DELETED,
                Experiment.last_update_time <= cutoff,
                ~has_runs,
                ~has_models,
            )
            .with_for_update()
        ).all()
        going = [row for row in rows if not kept.experiment(row.id)]
        for row in going:
            audit.record(
                session, "experiment.purge", f"experiment:{row.id}", before={"name": row.name}
            )
            own = (Quota.kind == EXPERIMENT) & (Quota.name == str(row.id))
            session.execute(delete(Quota).where(own))
            session.delete(row)
        return len(going)


def _bytes(session: Session, kind: _Kind, ids: Sequence[int]) -> int:
    stored: Any = kind.stored
    rows = session.scalars(select(stored).where(kind.of.in_(ids)))
    return sum(each.file_bytes + getattr(each, "point_bytes", 0) for each in rows)


def _folder(row: Run | LoggedModel) -> str:
    try:
        return folder_of(row.artifact_uri).key
    except PodiumError as error:  # no URI that this server has written
        raise PodiumError(
            f"{row.artifact_uri!r} is no place of this store: {error.message}"
        ) from None
