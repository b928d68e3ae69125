"""The files of a run: where they are kept, and what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from podium.client.entities import FileInfo
from podium.client.errors import NotFound, NotSupported
from sqlalchemy import select
from sqlalchemy.orm import Session

from .artifacts.base import ArtifactStore, DirectTransfer
from .artifacts.paths import LOCATION, ArtifactPath, parse_artifact_uri
from .auth.caller import caller, visit
from .auth.permissions import READ
from .auth.roles import EXPERIMENT
from .db import Database
from .models import Experiment
from .runs.read import find_run


def uri_of(db: Database, run_id: str) -> str:
    """The run's ``artifact_uri``, without reading the rest of the run."""
    with db.reading() as session:
        return find_run(session, run_id).artifact_uri


def root_of(db: Database, run_id: str) -> ArtifactPath:
    """The folder of a run's files in the store."""
    return parse_artifact_uri(uri_of(db, run_id))


def file_of(db: Database, run_id: str, path: str) -> ArtifactPath:
    """Where the file that a client calls ``path`` is in the store."""
    return root_of(db, run_id) / ArtifactPath.parse(path)


def list_files(
    db: Database, store: ArtifactStore, run_id: str, folder: str = ""
) -> Sequence[FileInfo]:
    """What is directly in a folder of the run; each ``path`` is relative to the run's root."""
    return list_below(store, root_of(db, run_id), folder)


def list_below(store: ArtifactStore, root: ArtifactPath, folder: str) -> Sequence[FileInfo]:
    """What is directly in a folder below ``root``; each ``path`` is relative to ``root``."""
    below = ArtifactPath.parse_folder(folder)
    prefix = f"{below}/" if below.key else ""
    return [
        FileInfo(prefix + each.path, each.is_dir, each.file_size)
        for each in store.list(root / below)
    ]


# Of other packages: which places someone may read although they are in no experiment of his.
_readable: list[Callable[[Session, Sequence[str]], bool]] = []


def also_readable(
    rule: Callable[[Session, Sequence[str]], bool],
) -> Callable[[Session, Sequence[str]], bool]:
    """Ask ``rule``, too, whether what is in one of these folders, given as URIs, may be read."""
    _readable.append(rule)
    return rule


def check_place(db: Database, path: ArtifactPath) -> ArtifactPath:
    """The place, if it is in an experiment that the caller has the needed role on.

    Experiments may be inside each other's folders: every one that the place is in must allow it.
    """
    if caller().role >= EXPERIMENT.role_for(visit().permission):
        return path
    segments = path.key.split("/") if path.key else []
    around = [LOCATION + "/".join(segments[:length]) for length in range(len(segments) + 1)]
    # Of the class only what the caller may use, of its table every row: see ``guard``.
    mine = select(Experiment.id).where(Experiment.artifact_location.in_(around))
    table = Experiment.__table__
    every = select(table.c.id).where(table.c.artifact_location.in_(around))
    with db.reading() as session:
        allowed = session.scalars(mine).all()
        if allowed and len(allowed) == len(session.scalars(every).all()):
            return path
        if visit().permission is not READ or not any(rule(session, around) for rule in _readable):
            raise NotFound(f"No such artifact: {path.key!r}. List its folder to see what there is.")
    return path


def direct(store: ArtifactStore) -> DirectTransfer:
    """The store, if clients can exchange bytes with it and pass the server by."""
    if isinstance(store, DirectTransfer):
        return store
    raise NotSupported(
        "This server keeps files in a folder, so there is nothing to upload to or download from "
        "but the server: use mlflow-artifacts/artifacts/<path>."
    )
