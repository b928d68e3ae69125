"""What is different between two versions of a model, as data: params, metrics, schema, environment
and files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from podium.client.errors import NotFound
from podium.tracker.db import Database
from podium.tracker.runs.read import find_run, snapshots
from sqlalchemy import select
from sqlalchemy.orm import Session

from .models import ModelVersion
from .promotion.schema import Column, signature_of
from .promotion.tables import FileRow, InspectionRow
from .read import find_version

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference(Generic[T]):
    """One thing that is not the same; None on the side that does not have it."""

    key: str
    before: T | None
    after: T | None

    @property
    def differs(self) -> bool:
        """NaN is the same as NaN."""
        return not _same(self.before, self.after)


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """``schema`` keys are as in ``inputs.age``. ``same`` counts what is the same, by kind.

    ``unread`` are the versions whose files have not been looked into: of these, schema, environment
    and files are not known.
    """

    name: str
    before: int
    after: int
    params: tuple[Difference[str], ...]
    metrics: tuple[Difference[float], ...]
    schema: tuple[Difference[str], ...]
    environment: tuple[Difference[str], ...]
    files: tuple[Difference[str], ...]
    same: Mapping[str, int]
    unread: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    schema: Mapping[str, str]
    environment: Mapping[str, str]
    files: Mapping[str, str]
    unread: bool


def diff_versions(
    db: Database, name: str, before: str | int, after: str | int, *, everything: bool = False
) -> VersionDiff:
    """What is not the same; ``everything`` tells what is, too."""
    with db.reading() as session:
        first, second = (find_version(session, name, each) for each in (before, after))
        old, new = _side(session, first), _side(session, second)
    kinds = ("params", "metrics", "schema", "environment", "files")
    every = {kind: beside(getattr(old, kind), getattr(new, kind)) for kind in kinds}
    found = {kind: tuple(each for each in every[kind] if each.differs) for kind in kinds}
    same = {kind: len(every[kind]) - len(found[kind]) for kind in kinds}
    sides = ((first, old), (second, new))
    return VersionDiff(
        name=name,
        before=first.version,
        after=second.version,
        same=same,
        unread=tuple(row.version for row, side in sides if side.unread),
        **(every if everything else found),
    )


def differences(before: Mapping[str, T], after: Mapping[str, T]) -> tuple[Difference[T], ...]:
    """What is not the same, in the order of the keys."""
    return tuple(each for each in beside(before, after) if each.differs)


def beside(before: Mapping[str, T], after: Mapping[str, T]) -> tuple[Difference[T], ...]:
    """All of both, in the order of the keys."""
    return tuple(
        Difference(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
    )


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124  (NaN)


def _side(session: Session, version: ModelVersion) -> _Side:
    params, metrics = _logged(session, version.run_id)
    row = session.get(InspectionRow, version.id)
    done = row is not None and row.status == "DONE"
    model: Mapping[str, Any] = json.loads(row.model) if row is not None and done else {}
    files = session.execute(
        select(FileRow.path, FileRow.sha256).where(FileRow.version == version.id)
    )
    return _Side(
        params,
        metrics,
        _schema(model),
        model.get("environment", {}),
        dict(files.all()) if done else {},
        unread=not done,
    )


def _logged(session: Session, run_id: str | None) -> tuple[Mapping[str, str], Mapping[str, float]]:
    """What its run has logged; nothing of one that is gone, or not the caller's to see."""
    if run_id is None:
        return {}, {}
    try:
        [run] = snapshots(session, [find_run(session, run_id)])
    except NotFound:
        return {}, {}
    return run.params, run.metrics


def _schema(model: Mapping[str, Any]) -> dict[str, str]:
    found = signature_of(model)
    if found is None:
        return {}
    return {
        f"{part}.{name}": _written(column)
        for part in ("inputs", "outputs", "params")
        for name, column in getattr(found, part).items()
    }


def _written(column: Column) -> str:
    return column.type if column.required else f"{column.type}, optional"
