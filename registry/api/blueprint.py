"""A blueprint whose views say what they take and give, to the application and to OpenAPI alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from marshmallow import Schema as AnySchema
from marshmallow import ValidationError
from podium.client.errors import BadRequest
from podium.tracker import rest
from podium.tracker.schema import Schema, refusal
from webargs.flaskparser import FlaskParser

if TYPE_CHECKING:
    from flask import Blueprint as _Blueprint
    from flask import Response
else:
    from flask_smorest import Blueprint as _Blueprint

View = TypeVar("View", bound=Callable[..., Any])


class _Parser(FlaskParser):
    """Reads and refuses as :func:`podium.tracker.rest.arguments` does."""

    DEFAULT_VALIDATION_STATUS = BadRequest.status
    # The schema says what becomes of fields it does not know.
    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {}  # noqa: RUF012  (typed so by its base)

    def load_json(self, req: Any, schema: AnySchema) -> Any:
        return rest.json_body()

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        found = error.messages
        # webargs puts the messages under the name of the place they were found in.
        below = next(iter(found.values())) if isinstance(found, dict) and found else found
        raise BadRequest(refusal(ValidationError(below))) from None


class Blueprint(_Blueprint):
    ARGUMENTS_PARSER = _Parser()

    if TYPE_CHECKING:

        def arguments(
            self, schema: type[Schema], *, location: str = "json"
        ) -> Callable[[View], View]: ...

        def doc(self, **options: Any) -> Callable[[View], View]: ...

        def response(
            self, status_code: int, schema: type[AnySchema] | None = None, **options: Any
        ) -> Callable[[Callable[..., Any]], Callable[..., Response]]: ...


def json_object() -> dict[str, Any]:
    """The body as it is, where a service says what is wrong with it and where; not a schema."""
    found = rest.json_body()
    if not isinstance(found, dict):
        raise BadRequest("The body must be a JSON object.")
    return found
