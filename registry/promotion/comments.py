"""What people say of versions and of requests."""

from __future__ import annotations

from podium.client.errors import BadRequest
from podium.client.promotion import Comment
from podium.client.rules import check_text
from podium.tracker import audit
from podium.tracker.auth.caller import caller
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import select
from sqlalchemy.orm import Session

from .. import events
from ..models import ModelVersion
from ..outbox import emit
from ..read import find_version
from .read import find_request
from .requests import MAX_COMMENT
from .tables import CommentRow


def comment_on_version(db: Database, name: str, version: str | int, text: str) -> Comment:
    _check(text)
    with db.writing() as session:
        return _add(session, find_version(session, name, version, change=True), text)


def comment_on_request(db: Database, name: str, request_id: int, text: str) -> Comment:
    _check(text)
    with db.writing() as session:
        number = _number(session, name, request_id)
        version = find_version(session, name, number, change=True)
        return _add(session, version, text, request=request_id)


def comments_on_version(db: Database, name: str, version: str | int) -> list[Comment]:
    """The oldest first, those on requests for it among them."""
    with db.reading() as session:
        found = find_version(session, name, version)
        wanted = select(CommentRow).where(CommentRow.version == found.id)
        return [_entity(row, found) for row in session.scalars(wanted.order_by(CommentRow.id))]


def comments_on_request(db: Database, name: str, request_id: int) -> list[Comment]:
    with db.reading() as session:
        number = _number(session, name, request_id)
    return [each for each in comments_on_version(db, name, number) if each.request == request_id]


def _check(text: str) -> None:
    if not check_text(text, "comment", limit=MAX_COMMENT).strip():
        raise BadRequest("'comment' is blank.")


def _number(session: Session, name: str, request_id: int) -> int:
    return session.get_one(ModelVersion, find_request(session, name, request_id).version).version


def _add(
    session: Session, version: ModelVersion, text: str, *, request: int | None = None
) -> Comment:
    row = CommentRow(
        version=version.id,
        request=request,
        author=caller().name,
        comment=text,
        created=now_ms(),
    )
    session.add(row)
    session.flush()
    name = version.registered.name
    audit.record(
        session,
        "comment.create",
        f"model:{name}/{version.version}",
        after={"comment": row.id, "request": request},
    )
    emit(
        session,
        events.comment_created(
            name=name, version=version.version, comment_id=str(row.id), comment=text
        ),
    )
    return _entity(row, version)


def _entity(row: CommentRow, version: ModelVersion) -> Comment:
    return Comment(
        id=row.id,
        name=version.registered.name,
        version=version.version,
        author=row.author,
        comment=row.comment,
        created=row.created,
        request=row.request,
    )
