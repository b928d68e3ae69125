"""Requests parsed at the edge, and the one place where errors become answers."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
import structlog
from flask import Flask, Response, current_app, g, jsonify, request
from flask.json.provider import DefaultJSONProvider
from marshmallow import ValidationError
from podium.client import errors
from podium.client.errors import BadRequest, PodiumError, TooLarge
from podium.client.rules import INT64_MAX
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import IntegerConverter, Map

from .schema import Items, Schema, refusal
from .telemetry import about

# The longest message MLflow's clients send is a batch of 100 params of 6,000 characters.
MAX_JSON = 16 * 1024 * 1024
_JSON = "application/json"

log = structlog.get_logger("podium")
Answer = TypeVar("Answer")
Path = ParamSpec("Path")  # what the rule of a route holds


class Json(DefaultJSONProvider):
    """Answers are written by orjson, in a tenth of the time."""

    sort_keys = False

    def response(self, *args: Any, **kwargs: Any) -> Response:
        found = self._prepare_response_obj(args, kwargs)
        try:
            body: bytes | str = orjson.dumps(found)
        except TypeError:  # an integer of more than 64 bits, or a lone surrogate that came with it
            body = self.dumps(found)
        return Response(body, mimetype=self.mimetype)


class _Int64Converter(IntegerConverter):
    """A number that a database can hold; under a greater one there is nothing (404)."""

    def __init__(self, url_map: Map, *args: Any, **options: Any) -> None:
        super().__init__(url_map, *args, **{"max": INT64_MAX, **options})


def register(app: Flask) -> None:
    app.url_map.converters["int"] = _Int64Converter
    app.json = Json(app)
    app.register_error_handler(PodiumError, refuse)
    app.register_error_handler(HTTPException, refuse_http)
    app.register_error_handler(Exception, fail)


def arguments(schema: type[Schema]) -> dict[str, Any]:
    """What the request asks for: its query for GET, else its JSON body, checked by ``schema``.

    Raises :class:`BadRequest` that names the field.
    """
    return query(schema) if request.method == "GET" else _load(schema(), json_body())


def query(schema: type[Schema]) -> dict[str, Any]:
    """As :func:`arguments`, of the query, whatever the method: the body is something else."""
    reader = schema()
    found: dict[str, Any] = request.args.to_dict()
    for name, field in reader.fields.items():
        if isinstance(field, Items) and name in request.args:
            found[name] = request.args.getlist(name)
    return _load(reader, found)


def _load(reader: Schema, asked: Any) -> dict[str, Any]:
    try:
        found = reader.load(asked)
    except ValidationError as error:
        raise BadRequest(refusal(error)) from None
    assert isinstance(found, dict)  # noqa: S101  (a schema of many would be a list)
    about(found)
    return found


def takes(
    schema: type[Schema],
) -> Callable[[Callable[Concatenate[dict[str, Any], Path], Answer]], Callable[Path, Answer]]:
    """Declare what a view reads, beside its route: it is called with the checked arguments."""

    def declare(
        view: Callable[Concatenate[dict[str, Any], Path], Answer],
    ) -> Callable[Path, Answer]:
        @functools.wraps(view)
        def read(*args: Path.args, **kwargs: Path.kwargs) -> Answer:
            return view(arguments(schema), *args, **kwargs)

        read.takes = schema  # type: ignore[attr-defined]
        return read

    return declare


def schema_of(view: Callable[..., Any]) -> type[Schema] | None:
    """What a view has declared that it reads."""
    return getattr(view, "takes", None)


def json_body() -> Any:
    """The decoded JSON body; nothing at all is an empty object, as in MLflow."""
    data = body_bytes(MAX_JSON)
    # A web page can send other types without asking first (CORS): the type is a defence, too.
    if request.mimetype != _JSON and (data or request.mimetype):
        raise BadRequest(f"Bad Request. Content-Type must be one of ['{_JSON}'].")
    found = _decode(data or b"{}")
    # MLflow's Java and R clients have sent JSON inside a JSON string.
    return _decode(found) if isinstance(found, str) else found


def body_bytes(limit: int) -> bytes:
    """The body whole; :class:`TooLarge` beyond ``limit`` bytes, of which no more are read."""
    request.max_content_length = limit
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise TooLarge(
            f"The body is larger than {limit} bytes. Send it in smaller pieces."
        ) from None


def _decode(data: bytes | str) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        return _decode_slowly(data)


def _decode_slowly(data: bytes | str) -> Any:
    """What the fast parser refuses, for a reason to tell the caller; it is stricter in some."""
    try:
        return json.loads(data, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BadRequest(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from None
    except (RecursionError, ValueError) as error:
        # Nested too deeply, or a number of thousands of digits.
        raise BadRequest(f"The body cannot be read as JSON: {error}.") from None


def _no_constant(name: str) -> None:
    raise BadRequest(f'{name} is not JSON: write it as a string, "{name}".')


def refuse(error: PodiumError) -> Response:
    response = jsonify(error.body())
    response.status_code = error.status
    if isinstance(error, errors.Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="podium"'
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def refuse_http(error: HTTPException) -> Response:
    """Flask's own refusals: no such route, another method, a body cut short."""
    if error.response is not None:
        return current_app.make_response(error.response)
    status = error.code or 500
    if status == errors.EndpointNotFound.status:
        return refuse(errors.EndpointNotFound(f"No endpoint {request.method} {request.path}."))
    if status == errors.MethodNotAllowed.status:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        response = refuse(
            errors.MethodNotAllowed(f"{request.path} takes {allowed}, not {request.method}.")
        )
        response.headers["Allow"] = allowed
        return response
    found = errors.from_response(status, error.description or error.name)
    if found.status != status:  # one that no error of ours has: the caller's mistake all the same
        found = BadRequest(found.message)
    response = refuse(found)
    response.status_code = status
    return response


def fail(error: Exception) -> Response:
    """A defect of ours: the caller gets a number to quote, the log gets the rest."""
    log.exception("request failed", exc_info=error, method=request.method, path=request.path)
    return refuse(
        PodiumError(
            f"Podium failed to answer this request. Report request id {g.get('request_id', '')} "
            "to whoever runs the server: its log says why."
        )
    )
