"""What the registry asks of the tracker's logged models."""

from __future__ import annotations

from dataclasses import dataclass

from podium.client.errors import NotFound
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Logged:
    """Where the files of a logged model are, and the run that made it."""

    artifact_uri: str
    source_run_id: str | None


def find_logged(session: Session, model_id: str) -> Logged:
    raise NotFound(f"Logged model with ID '{model_id}' not found.")
