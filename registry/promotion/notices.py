"""What is told to the world of a request."""

from __future__ import annotations

from sqlalchemy.orm import Session

from .. import events
from ..events import EventType
from ..models import ModelVersion
from ..outbox import emit
from .tables import RequestRow


def tell(
    session: Session, version: ModelVersion, row: RequestRow, kind: EventType, comment: str
) -> None:
    emit(
        session,
        events.transition_request(
            kind,
            request_id=str(row.id),
            name=version.registered.name,
            version=version.version,
            from_stage=version.stage,
            to_stage=row.stage,
            comment=comment,
        ),
    )
