"""What registered versions need of the tracker: their run, their logged model, their files.

And which files these are, as their manifests say.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from podium.client.entities import LifecycleStage
from podium.tracker.artifacts.paths import parse_artifact_uri
from podium.tracker.storage.missing import Expected, expects
from podium.tracker.storage.needed import Needed, needs
from sqlalchemy import select
from sqlalchemy.orm import Session

from .models import ModelVersion, RegisteredModel
from .promotion.tables import FileRow


@needs
def of_versions(session: Session) -> Needed:
    """Of every version that is not deleted, whatever its stage: a stage can be given back to it."""
    found = Needed()
    rows = session.execute(
        select(ModelVersion.run_id, ModelVersion.model_id, ModelVersion.storage_location).where(
            ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE
        )
    )
    for run_id, model_id, place in rows:
        if run_id is not None:
            found.runs.add(run_id)
        if model_id is not None:
            found.models.add(model_id)
        if place:
            found.places.add(f"{place.rstrip('/')}/")
    return found


@expects
def files_of_versions(session: Session) -> Iterator[Expected]:
    """Of every version that is not deleted and whose files have been read."""
    rows = session.execute(
        select(
            ModelVersion.id,
            RegisteredModel.name,
            ModelVersion.version,
            ModelVersion.storage_location,
            FileRow.path,
            FileRow.size,
        )
        .join(RegisteredModel, RegisteredModel.id == ModelVersion.model)
        .join(FileRow, FileRow.version == ModelVersion.id)
        .where(
            ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE,
            ModelVersion.storage_location != "",
        )
        .order_by(ModelVersion.id)
        .execution_options(yield_per=1000)
    )
    for _, lines in groupby(rows, attrgetter("id")):
        found = list(lines)
        yield Expected(
            f"version {found[0].version} of {found[0].name}",
            parse_artifact_uri(found[0].storage_location),
            {line.path: line.size for line in found},
        )
