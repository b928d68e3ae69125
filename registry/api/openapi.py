"""flask-smorest, made to speak as the rest of this server does.

It describes the routes; that a request is read, and refused, in one way on all paths is done by
``podium.tracker.rest`` and the fields of ``podium.tracker.schema``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask
from marshmallow import Schema as AnySchema
from marshmallow import fields
from podium.tracker.schema import Choice, Flag, Int64, Number, Text, VersionNumber

if TYPE_CHECKING:

    class _Api:
        spec: Any

        def __init__(self, app: Flask, *, spec_kwargs: dict[str, Any]) -> None: ...
        def register_blueprint(self, blp: Any, **options: Any) -> None: ...
        def register_field(self, field: Any, *args: Any) -> None: ...

else:
    from flask_smorest import Api as _Api


class Error(AnySchema):
    """As ``podium.client.errors`` draws it."""

    error_code = fields.String(required=True, metadata={"example": "INVALID_PARAMETER_VALUE"})
    message = fields.String(required=True, metadata={"description": "What is wrong, and the fix."})


class PodiumApi(_Api):
    ERROR_SCHEMA = Error
    DEFAULT_ERROR_RESPONSE_NAME = "DEFAULT_ERROR"

    def __init__(self, app: Flask, *, title: str, version: str) -> None:
        app.config.update(API_TITLE=title, API_VERSION=version, OPENAPI_VERSION="3.1.0")
        super().__init__(
            app, spec_kwargs={"info": {"description": "What MLflow's API has no call for."}}
        )

    def _init_spec(self, **options: Any) -> None:
        super()._init_spec(**options)  # type: ignore[misc]
        self.register_field(Text, "string", None)
        self.register_field(Int64, "integer", "int64")
        self.register_field(Number, "number", "double")
        self.register_field(Flag, "boolean", None)
        self.register_field(Choice, "string", None)
        self.register_field(VersionNumber, "string", None)
        for told in (_choices, _version):
            self.spec.plugins[1].converter.add_attribute_function(told)

    def _register_error_handlers(self) -> None:
        """The tracker has registered its own, and they are the ones."""

    def document(self) -> Any:
        return self.spec.to_dict()


def _choices(_converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    return {"enum": [str(each) for each in field.choices]} if isinstance(field, Choice) else {}


def _version(_converter: Any, field: Any, **_: Any) -> dict[str, Any]:
    return {"type": ["string", "integer"]} if isinstance(field, VersionNumber) else {}
