"""Removing files that nothing in the database refers to, in two phases.

:func:`mark` writes down which folders those are, :func:`sweep` removes the files of folders that
were written down long enough ago and are still nobody's. Promises, tested with workers that die at
each step and uploads in between: a file of a run, logged model or version that is there is never
removed; one that is younger than the grace time neither; what was freed is counted as it goes.
Any number of workers may do either at once, and each may be cut short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from podium.client.errors import NotFound
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..artifacts.base import ArtifactStore
from ..artifacts.paths import LOCATION, ArtifactPath
from ..clock import now_ms
from ..db import Database, insert
from ..logged_models.tables import LoggedModel
from ..models import Experiment, Run
from .clocks import check_clocks
from .digests import forget_folder
from .holds import held
from .needed import Needed, needed
from .places import MODEL, RUN, Owner, owner_of
from .tables import Doomed

GRACE_MS = 24 * 3_600_000
_IDS_A_QUERY = 500

Step = Callable[[str], None]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Folder:
    """Files of the store that are to go; ``newest`` is when the last of them was written."""

    owner: Owner
    files: int
    bytes: int
    newest: int


@dataclass(frozen=True, slots=True)
class Freed:
    folders: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(
            self.folders + other.folders, self.files + other.files, self.bytes + other.bytes
        )


def orphans(db: Database, store: ArtifactStore) -> list[Folder]:
    """The folders of runs and logged models that are not in the database. Changes nothing."""
    found: dict[Owner, list[int]] = {}
    for file in store.walk():
        owner = owner_of(file.key)
        if owner is not None:
            entry = found.setdefault(owner, [0, 0, 0])
            entry[0] += 1
            entry[1] += file.size
            entry[2] = max(entry[2], file.modified)
    lost: list[Folder] = []
    with db.reading() as session:
        stays = _Stays(session)
        for chunk in _chunks(list(found)):
            known = stays.known(session, chunk)
            lost += [
                Folder(owner, *found[owner])
                for owner in chunk
                if owner not in known and not stays.needs(owner)
            ]
    return sorted(lost, key=lambda each: each.owner.folder)


def mark(db: Database, lost: Sequence[Folder], *, step: Step = lambda _name: None) -> int:
    """Write down what was found now, and forget what is not lost any more; how many are new."""
    places = {each.owner.folder: each for each in lost}
    with db.writing() as session:
        before = set(session.scalars(select(Doomed.place).where(Doomed.why == "found")))
        for chunk in _chunks(sorted(before - places.keys())):
            session.execute(delete(Doomed).where(Doomed.place.in_(chunk), Doomed.why == "found"))
        for each in lost:
            row = insert(session, Doomed).values(
                place=each.owner.folder,
                why="found",
                since=now_ms(),
                files=each.files,
                file_bytes=each.bytes,
            )
            sizes = {"files": each.files, "file_bytes": each.bytes}
            session.execute(row.on_conflict_do_update(index_elements=["place"], set_=sizes))
    step("written down")
    return len(places.keys() - before)


def sweep(
    db: Database,
    store: ArtifactStore,
    *,
    grace: int = GRACE_MS,
    step: Step = lambda _name: None,
) -> Freed:
    """Remove the files of what was marked ``grace`` ms ago and is still lost, or is doomed."""
    check_clocks(db)
    old = now_ms() - grace
    with db.reading() as session:
        found = session.execute(
            select(Doomed.place, Doomed.why)
            .where((Doomed.why != "found") | (Doomed.since <= old))
            .order_by(Doomed.place)
        ).all()
    freed = Freed()
    for place, why, may_go in _judged(db, found):
        if may_go:
            freed += _empty(store, place, old if why == "found" else None, step)
            if next(iter(store.walk(ArtifactPath(place))), None) is not None:
                continue  # something in it is younger than the grace time
        step("a folder is empty")
        with db.writing() as session:
            session.execute(delete(Doomed).where(Doomed.place == place, Doomed.why == why))
            forget_folder(session, place)
        step("a folder is forgotten")
    return freed


@dataclass(frozen=True, slots=True)
class Waiting:
    """A folder whose files are to go, and since when, in milliseconds since 1970."""

    place: str
    why: str
    since: int
    files: int
    bytes: int


def waiting(db: Database) -> list[Waiting]:
    """What is written down, the largest first."""
    with db.reading() as session:
        columns = (Doomed.place, Doomed.why, Doomed.since, Doomed.files, Doomed.file_bytes)
        rows = session.execute(select(*columns).order_by(Doomed.file_bytes.desc(), Doomed.place))
        return [Waiting(*row) for row in rows]


class _Stays:
    """What keeps a folder although its own row is gone."""

    def __init__(self, session: Session) -> None:
        self._needed: Needed = needed(session)
        self._held = held(session)
        locations = session.scalars(select(Experiment.artifact_location))
        self._locations = [each.removeprefix(LOCATION).strip("/") + "/" for each in locations]

    def known(self, session: Session, owners: Sequence[Owner]) -> set[Owner]:
        """Those whose run or logged model is there, deleted or not, wherever its files are."""
        found: set[tuple[str, str]] = set()
        for kind, column in ((RUN, Run.run_id), (MODEL, LoggedModel.model_id)):
            ids = [owner.id for owner in owners if owner.kind == kind]
            found.update(
                (kind, each) for each in session.scalars(select(column).where(column.in_(ids)))
            )
        return {owner for owner in owners if (owner.kind, owner.id) in found}

    def needs(self, owner: Owner) -> bool:
        """A version has files there, or an experiment has its own folder in it."""
        inside = f"{owner.folder}/"
        return (
            owner.id in self._needed.runs
            or owner.id in self._needed.models
            or self._needed.below(owner.folder)
            or self._held.run(owner.id, -1)
            or any(location.startswith(inside) for location in self._locations)
        )


def _judged(db: Database, found: Sequence[Any]) -> Iterator[tuple[str, str, bool]]:
    """Each place with why it is doomed, and whether it still may go.

    Nobody registers a version in a place that is written down, nor makes anew a run that is gone,
    so what may go when a hundred are looked at may go a moment later.
    """
    for chunk in _chunks(found, 100):
        owners = {place: owner_of(f"{place}/artifacts/x") for place, _ in chunk}
        with db.reading() as session:
            stays = _Stays(session)
            known = stays.known(session, [each for each in owners.values() if each is not None])
            may_go = {
                place: owner is not None and not stays.needs(owner)
                for place, owner in owners.items()
            }
        for place, why in chunk:
            yield place, why, may_go[place] and (why == "policy" or owners[place] not in known)


def _empty(store: ArtifactStore, place: str, before: int | None, step: Step) -> Freed:
    """Remove the files of the folder that were written ``before`` then, one after the other."""
    files = size = 0
    for file in list(store.walk(ArtifactPath(place))):
        if before is not None and file.modified > before:
            continue
        step("a file goes")
        try:
            store.delete(ArtifactPath(file.key))
        except NotFound:
            continue
        files, size = files + 1, size + file.size
    return Freed(1 if files else 0, files, size)


def _chunks(items: Sequence[Item], size: int = _IDS_A_QUERY) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
