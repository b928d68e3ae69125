"""GET /api/v1/audit: the audit log, a page at a time."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from ..auth.permissions import ADMIN, allow
from ..rest import arguments
from ..schema import Int64, Schema, Text
from ..services import services
from . import read

routes = Blueprint("audit", __name__, url_prefix="/api/v1")


class Search(Schema):
    actor = Text(load_default="")
    action = Text(load_default="")
    subject = Text(load_default="")
    since = Int64(load_default=None)
    until = Int64(load_default=None)
    max_results = Int64(load_default=100)
    page_token = Text(load_default="")


@routes.get("/audit")
@allow(ADMIN)
def search() -> Response:
    page = read.search(services().db, **arguments(Search))
    return jsonify(events=page.items, next_page_token=page.next_page_token)
