"""Marshmallow schemas that read JSON as proto3 does and refuse it in MLflow's words.

Names may be written in snake_case or camelCase, but not both; what is not known is ignored; null is
as good as absent; int64 may be a number or a string, enums a name or a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

import marshmallow
from marshmallow import EXCLUDE, ValidationError, fields, pre_load
from podium.client.errors import BadRequest
from podium.client.rules import check_text

Choice_ = TypeVar("Choice_", bound=StrEnum)

# A field knows its own name but not the way to it: the reason is put there by refusal().
_PATH = "\0"
_MISSING = (
    f"Missing value for required parameter '{_PATH}'. "
    "See the API docs for more information about request parameters."
)
_Messages = dict[str, str | list[Any] | dict[Any, Any]]
_REQUIRED: _Messages = {"required": _MISSING, "null": _MISSING}
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_CAPITAL = re.compile(r"(?<=[a-z0-9])[A-Z]")


def _not_a(kind: str) -> str:
    return f"Invalid value for parameter '{_PATH}' supplied: it must be {kind}."


class Schema(marshmallow.Schema):
    """A JSON object. ``aliases`` maps other names of a field to the one it has here."""

    class Meta:
        unknown = EXCLUDE

    aliases: ClassVar[Mapping[str, str]] = {"run_uuid": "run_id"}
    error_messages: ClassVar[dict[str, str]] = {"type": _not_a("a JSON object")}  # type: ignore[misc]

    @pre_load
    def _spell(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        spelt: dict[str, Any] = {}
        for written, value in data.items():
            name = _CAPITAL.sub(lambda capital: "_" + capital[0].lower(), written)
            if name not in self.fields:
                name = self.aliases.get(name, name)
            if value is None or name not in self.fields:
                continue
            if name in spelt and spelt[name] != value:
                raise ValidationError(
                    f"Parameter '{_PATH}' is given twice with different values: give it once.", name
                )
            spelt[name] = value
        return spelt


class Text(fields.Field[str]):
    """A string. A required one must not be empty either."""

    default_error_messages = _REQUIRED

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise _invalid(value, f"Hint: Value was of type '{type(value).__name__}'.")
        if self.required and not value:
            raise ValidationError(_MISSING)
        try:
            return check_text(value, _PATH)
        except BadRequest as unstorable:
            raise ValidationError(unstorable.message) from None


class VersionNumber(Text):
    """A model version's number: text in MLflow's API, which a whole number may stand for."""

    def _deserialize(self, value: Any, *more: Any, **options: Any) -> str:
        number = type(value) is int  # true and false are not meant
        return super()._deserialize(str(value) if number else value, *more, **options)


class Int64(fields.Field[int]):
    default_error_messages = _REQUIRED

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        found = _as_int(value)
        if found is None or not _INT64_MIN <= found <= _INT64_MAX:
            raise _invalid(value, "it must be a whole number of 64 bits.")
        return found


class Number(fields.Field[float]):
    """A float64; the strings NaN, Infinity and -Infinity stand for what JSON has no number for."""

    default_error_messages = _REQUIRED

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        found = _as_float(value)
        if found is None:
            raise _invalid(
                value, 'it must be a number, or one of the strings "NaN", "Infinity", "-Infinity".'
            )
        return found


class Flag(fields.Field[bool]):
    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        found = {"true": True, "false": False}.get(str(value).lower())
        if found is None:
            raise _invalid(value, "it must be true or false.")
        return found


class Choice(fields.Field[Choice_], Generic[Choice_]):
    """One of an enum's names, or its number, which counts from 1 in MLflow's protocol."""

    default_error_messages = _REQUIRED

    def __init__(self, choices: type[Choice_], **options: Any) -> None:
        super().__init__(**options)
        self.choices = tuple(choices)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Choice_:
        for number, choice in enumerate(self.choices, 1):
            if value in (choice.value, str(number)) or (type(value) is int and value == number):
                return choice
        raise _invalid(value, f"Valid values are {', '.join(self.choices)}.")


class Items(fields.List[Any]):
    """A JSON array, or a query parameter that is repeated."""

    default_error_messages = _REQUIRED | {"invalid": _not_a("an array")}


class Object(fields.Nested):
    default_error_messages = _REQUIRED


def refusal(error: ValidationError) -> str:
    """The first thing wrong with the input, as one sentence that names the field."""
    path, reason = next(_reasons(error.messages, ""))
    return reason.replace(_PATH, path or "body")


def _reasons(found: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(found, Mapping):
        for name, below in found.items():
            if isinstance(name, int):
                yield from _reasons(below, f"{path}[{name}]")
            elif name == marshmallow.exceptions.SCHEMA:
                yield from _reasons(below, path)
            else:
                yield from _reasons(below, f"{path}.{name}" if path else name)
    elif isinstance(found, list):
        for reason in found:
            yield from _reasons(reason, path)
    else:
        yield path, str(found)


def _invalid(value: Any, reason: str) -> ValidationError:
    shown = repr(value).replace(_PATH, "")
    if len(shown) > 100:
        shown = shown[:97] + "..."
    return ValidationError(f"Invalid value {shown} for parameter '{_PATH}' supplied: {reason}")


def _as_int(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    # Greater ones may be integers of more than 64 bits that the JSON parser has rounded.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,20}", value):
        return int(value)
    return None


def _as_float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        named = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value)
        if named is not None or not re.fullmatch(r"-?[0-9.]+([eE][+-]?[0-9]+)?", value):
            return named
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
