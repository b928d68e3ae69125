"""The files of a version: where they are kept, and what there is."""

from __future__ import annotations

from collections.abc import Sequence

from podium.client.entities import FileInfo
from podium.client.errors import NotFound
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.artifacts.paths import ArtifactPath, parse_artifact_uri
from podium.tracker.db import Database
from podium.tracker.run_files import also_readable
from sqlalchemy.orm import Session

from .models import ModelVersion
from .read import find_version, versions


def root_of(db: Database, name: str, version: str | int) -> ArtifactPath:
    """The folder of a version's files in the store; :class:`NotFound` for one that has none."""
    with db.reading() as session:
        location = find_version(session, name, version).storage_location
    if not location:
        raise NotFound(f"Model Version (name={name}, version={version}) has no files.")
    return parse_artifact_uri(location)


def file_of(db: Database, name: str, version: str | int, path: str) -> ArtifactPath:
    """Where the file that a client calls ``path`` is in the store."""
    return root_of(db, name, version) / ArtifactPath.parse(path)


def list_files(
    db: Database, store: ArtifactStore, name: str, version: str | int, folder: str = ""
) -> Sequence[FileInfo]:
    """What is directly in a folder of the version; each ``path`` is relative to its root."""
    below = ArtifactPath.parse_folder(folder)
    prefix = f"{below}/" if below.key else ""
    return [
        FileInfo(prefix + each.path, each.is_dir, each.file_size)
        for each in store.list(root_of(db, name, version) / below)
    ]


@also_readable
def _of_a_version(session: Session, folders: Sequence[str]) -> bool:
    """Who may see a model may read its files, wherever the run that made them keeps them."""
    found = versions().where(ModelVersion.storage_location.in_(folders)).limit(1)
    return session.scalar(found) is not None
