"""The OpenAPI document of MLflow's calls, made from what each route declares beside it.

Names are in snake_case there (camelCase is understood, too); an int64 is a number or a string, as
proto3 writes it. https://spec.openapis.org/oas/v3.0.3
"""

from __future__ import annotations

import re
from typing import Any

import marshmallow
from flask import Blueprint, Flask, current_app
from marshmallow import fields
from podium.client.version import __version__
from werkzeug.routing import Rule

from .auth.permissions import PUBLIC, allow
from .rest import schema_of
from .schema import Choice, Flag, Int64, Items, Number, Object, Text

Json = dict[str, Any]

openapi = Blueprint("openapi", __name__)

_MLFLOWS = re.compile(r"/api/[23]\.0/")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
_ERROR: Json = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
}
_PLAIN: dict[type[fields.Field[Any]], Json] = {
    Text: {"type": "string"},
    Int64: {"anyOf": [{"type": "integer", "format": "int64"}, {"type": "string"}]},
    Number: {
        "anyOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}]
    },
    Flag: {"type": "boolean"},
}


@openapi.get("/api/v1/mlflow/openapi.json")
@allow(PUBLIC)
def mlflows_calls() -> Json:
    return document(current_app)


def document(app: Flask) -> Json:
    """Every MLflow call that ``app`` answers."""
    schemas: Json = {"Error": _ERROR}
    paths: dict[str, Json] = {}
    for rule in app.url_map.iter_rules():
        if _MLFLOWS.match(rule.rule):
            path = paths.setdefault(_PARAMETER.sub(r"{\1}", rule.rule), {})
            path |= _operations(rule, app, schemas)
    return {
        "openapi": "3.0.3",
        "info": {"title": "Podium: MLflow's REST API", "version": __version__},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": schemas},
    }


def _operations(rule: Rule, app: Flask, schemas: Json) -> Json:
    view = app.view_functions[rule.endpoint]
    taken = schema_of(view)
    in_path = [_parameter("path", name, {"type": "string"}) for name in rule.arguments]
    found = {}
    for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
        operation: Json = {
            "summary": (view.__doc__ or "").strip().partition("\n")[0],
            "parameters": in_path,
            "responses": _RESPONSES,
        }
        if taken is not None and method == "GET":
            operation["parameters"] = [*in_path, *_in_query(taken, schemas)]
        elif taken is not None:
            operation["requestBody"] = {"content": {_JSON: {"schema": _reference(taken, schemas)}}}
        found[method.lower()] = operation
    return found


_JSON = "application/json"
_RESPONSES = {
    "200": {"description": "Done."},
    "default": {
        "description": "Refused: the message names the field and the fix.",
        "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    },
}


def _in_query(taken: type[marshmallow.Schema], schemas: Json) -> list[Json]:
    return [
        _parameter("query", name, _kind(field, schemas), required=field.required)
        for name, field in taken().fields.items()
    ]


def _parameter(where: str, name: str, kind: Json, *, required: bool = True) -> Json:
    return {"in": where, "name": name, "required": required, "schema": kind}


def _reference(schema: type[marshmallow.Schema], schemas: Json) -> Json:
    name = f"{schema.__module__.removeprefix('podium.')}.{schema.__name__}"
    if name not in schemas:
        schemas[name] = {}  # it is being made: one that holds itself ends here
        made = schema().fields
        schemas[name] |= {
            "type": "object",
            "properties": {key: _kind(field, schemas) for key, field in made.items()},
        }
        required = [key for key, field in made.items() if field.required]
        if required:
            schemas[name]["required"] = required
    return {"$ref": f"#/components/schemas/{name}"}


def _kind(field: fields.Field[Any], schemas: Json) -> Json:
    match field:
        case Items():
            return {"type": "array", "items": _kind(field.inner, schemas)}
        case Object():
            return _reference(type(field.schema), schemas)
        case Choice():
            return {"type": "string", "enum": [str(each) for each in field.choices]}
        case Text() if field.required:
            return {"type": "string", "minLength": 1}
    return next((kind for made, kind in _PLAIN.items() if isinstance(field, made)), {})
