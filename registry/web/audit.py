"""/audit: who did what to what and when, for admins; searched, and taken away as a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from flask import Blueprint, Response, request
from podium.client.entities import Page
from podium.client.errors import BadRequest
from podium.tracker import audit as service
from podium.tracker.audit.chain import Json, canonical
from podium.tracker.auth.permissions import ADMIN, allow
from podium.tracker.services import services

from .answers import answer, link

audit = Blueprint("audit_pages", __name__, url_prefix="/audit")

_PAGE = 50
_FIELDS = ("actor", "action", "subject", "since", "until")


@audit.get("")
@allow(ADMIN)
def page() -> Response:
    """The newest first; the address says what is looked for."""
    asked = {name: request.args.get(name, "").strip() for name in _FIELDS}
    found: Page[Json] = Page(())
    refused = ""
    try:
        found = service.search(
            services().db,
            actor=asked["actor"],
            action=asked["action"],
            subject=asked["subject"],
            since=_moment(asked["since"], "Since"),
            until=_moment(asked["until"], "Until"),
            max_results=_PAGE,
            page_token=request.args.get("page", ""),
        )
    except BadRequest as error:
        refused = error.message
    return answer("audit.html", refused, page=found, asked=asked, link=link, told=canonical)


@audit.get("/export")
@allow(ADMIN)
def export() -> Response:
    """Every row, as `podium audit export` writes it: what `podium audit verify` is held against."""
    lines = _lines(service.export(services().db))
    response = Response(lines, content_type="application/jsonl")
    response.headers.set("Content-Disposition", "attachment", filename="audit.jsonl")
    return response


def _lines(rows: Iterator[str]) -> Iterator[str]:
    for row in rows:
        yield f"{row}\n"


def _moment(text: str, field: str) -> int | None:
    """Milliseconds of a field of a form, which is meant in UTC."""
    if not text:
        return None
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadRequest(
            f"Invalid value {text[:40]!r} for '{field}': write 2026-05-03T14:00, in UTC."
        ) from None
