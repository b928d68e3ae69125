"""/api/v1/models/<name>/…: what was found in a version's files, and how two versions differ."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.tracker.auth.permissions import READ, allow
from podium.tracker.mlflow.render import number
from podium.tracker.services import services

from ..diff import Difference, diff_versions
from ..inspection import service
from ..inspection.service import Report
from .blueprint import Blueprint

routes = Blueprint("versions", __name__, url_prefix="/api/v1/models")


class FileSchema(AnySchema):
    path = fields.String()
    size = fields.Integer()
    sha256 = fields.String()


class Finding(AnySchema):
    path = fields.String()
    level = fields.String(metadata={"description": "UNSAFE or UNKNOWN"})
    text = fields.String()
    module = fields.String(metadata={"description": "What a pickle imports, if it is that."})


class ReportSchema(AnySchema):
    """`status` is PENDING until the worker has read the files."""

    status = fields.String()
    digest = fields.String()
    scan = fields.String(metadata={"description": "CLEAN, UNSAFE or UNKNOWN"})
    findings = fields.List(fields.Nested(Finding))
    model = fields.Dict(metadata={"description": "What the MLmodel file says."})
    problem = fields.String()
    files = fields.List(fields.Nested(FileSchema))


class DifferenceSchema(AnySchema):
    key = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class DiffSchema(AnySchema):
    name = fields.String()
    before = fields.Integer()
    after = fields.Integer()
    params = fields.List(fields.Nested(DifferenceSchema))
    metrics = fields.List(fields.Nested(DifferenceSchema))
    schema = fields.List(fields.Nested(DifferenceSchema))
    environment = fields.List(fields.Nested(DifferenceSchema))
    files = fields.List(fields.Nested(DifferenceSchema))
    same = fields.Dict(metadata={"description": "How many are the same, by kind."})
    unread = fields.List(fields.Integer())


@routes.get("/<name>/versions/<version>/inspection")
@allow(READ)
@routes.response(200, ReportSchema)
def inspection(name: str, version: str) -> Report:
    """What was found in the files of a version."""
    return service.report(services().db, name, version)


@routes.get("/<name>/versions/<before>/diff/<after>")
@allow(READ)
@routes.response(200, DiffSchema)
def diff(name: str, before: str, after: str) -> dict[str, Any]:
    """How a version differs from another."""
    found = diff_versions(services().db, name, before, after)
    metrics = [
        Difference(each.key, _number(each.before), _number(each.after)) for each in found.metrics
    ]
    return {**asdict(found), "metrics": metrics}


def _number(value: float | None) -> Any:
    return None if value is None else number(value)
