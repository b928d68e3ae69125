"""How much the versions of each registered model store: files, as they were inspected."""

from __future__ import annotations

from dataclasses import dataclass

from podium.client.entities import LifecycleStage
from podium.tracker.db import Database
from sqlalchemy import func, select

from .models import ModelVersion, RegisteredModel
from .promotion.tables import InspectionRow


@dataclass(frozen=True, slots=True)
class ModelUse:
    """Files are among those of runs and logged models, and counted there too."""

    name: str
    versions: int
    files: int
    file_bytes: int


def by_model(db: Database, *, limit: int = 1000) -> list[ModelUse]:
    """The largest first. Versions that share a place count once; one not inspected yet, nothing."""
    places = (
        select(
            ModelVersion.model,
            func.count().label("versions"),
            func.max(InspectionRow.files).label("files"),
            func.max(InspectionRow.size).label("size"),
        )
        .outerjoin(InspectionRow, InspectionRow.version == ModelVersion.id)
        .where(ModelVersion.lifecycle_stage == LifecycleStage.ACTIVE)
        .group_by(ModelVersion.model, ModelVersion.storage_location)
        .subquery()
    )
    size = func.coalesce(func.sum(places.c.size), 0)
    with db.reading() as session:
        rows = session.execute(
            select(
                RegisteredModel.name,
                func.sum(places.c.versions),
                func.coalesce(func.sum(places.c.files), 0),
                size,
            )
            .join(places, places.c.model == RegisteredModel.id)
            .group_by(RegisteredModel.id, RegisteredModel.name)
            .order_by(size.desc(), RegisteredModel.name)
            .limit(limit)
        )
        return [ModelUse(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows]
