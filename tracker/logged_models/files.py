"""The files of a logged model: where they are kept."""

from __future__ import annotations

from ..artifacts.paths import ArtifactPath, parse_artifact_uri
from ..db import Database
from .read import find_model


def uri_of(db: Database, model_id: str) -> str:
    """The model's ``artifact_uri``, without reading the rest of it. Of active models only."""
    with db.reading() as session:
        return find_model(session, model_id).artifact_uri


def root_of(db: Database, model_id: str) -> ArtifactPath:
    """The folder of a model's files in the store."""
    return parse_artifact_uri(uri_of(db, model_id))


def file_of(db: Database, model_id: str, path: str) -> ArtifactPath:
    """Where the file that a client calls ``path`` is in the store."""
    return root_of(db, model_id) / ArtifactPath.parse(path)
