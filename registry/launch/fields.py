"""Marshmallow fields of a spec. Each says in ``must`` what it takes; that is its error message.

``about`` is one sentence for whoever fills in the field: the examples print it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, ClassVar

import marshmallow
from marshmallow import EXCLUDE, ValidationError, fields, post_load, pre_load, validates_schema
from podium.client.rules import shown

from .forbidden import why_forbidden

# A Secret's, a Service's, a queue's name: what RFC 1123 calls a label or a subdomain.
NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MAPPING = "must be a mapping of fields"
_DURATION = re.compile(r"(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?")
_UNITS = (86_400, 3_600, 60, 1)
_QUANTITY = r"[0-9]+(\.[0-9]+)?"


class Schema(marshmallow.Schema):
    """An object of the file, read into the dataclass ``makes``. Null is as good as absent."""

    class Meta:
        unknown = EXCLUDE  # said by _refuse_unknown, together with all else that is wrong

    makes: ClassVar[type[Any]] = dict
    error_messages: ClassVar[dict[str, str]] = {"type": _MAPPING}  # type: ignore[misc]

    @pre_load
    def _drop_null(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {name: value for name, value in data.items() if value is not None}

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _refuse_unknown(self, _data: Any, original: Any, **_: Any) -> None:
        if isinstance(original, Mapping):
            known = {field.data_key or name for name, field in self.fields.items()}
            unknown = [name for name in original if name not in known]
            if unknown:
                raise ValidationError({str(name): [self._unknown(name)] for name in unknown})

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> Any:
        return self.makes(**data)

    def _unknown(self, name: object) -> str:
        forbidden = why_forbidden(str(name))
        if forbidden:
            return forbidden
        known = [field.data_key or name for name, field in self.fields.items()]
        near = get_close_matches(str(name), known, 1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
        return f"is no field here; {meant}"


class Field(fields.Field[Any]):
    """``must`` completes "must be …"."""

    must = "given"

    def __init__(self, *, must: str | None = None, about: str = "", **options: Any) -> None:
        self.must = must or self.must
        missing = f"is missing; it must be {self.must}"
        super().__init__(
            metadata={"about": about},
            error_messages={"required": missing, "null": missing},
            **options,
        )

    def wrong(self, value: object) -> ValidationError:
        return ValidationError(f"must be {self.must}, not {shown(value)}")


class Text(Field):
    must = "a text"

    def __init__(
        self, pattern: str | None = None, *, limit: int = 253, empty: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self._pattern = re.compile(pattern) if pattern else None
        self._limit = limit
        self._empty = empty

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or not (value or self._empty) or _UNSTORABLE.search(value):
            raise self.wrong(value)
        if len(value) > self._limit:
            raise ValidationError(f"has {len(value)} characters; the limit is {self._limit}")
        if self._pattern and not self._pattern.fullmatch(value):
            raise self.wrong(value)
        return value


def name_of(what: str, **options: Any) -> Text:
    return Text(NAME, must=f"the name of {what}: lower-case letters, digits, '-'", **options)


class Loose(Field):
    """A text of an environment or an argument: a number is taken as it is written."""

    must = "a text or a number (put true, false and dates into quotes)"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise self.wrong(value)
        if _UNSTORABLE.search(str(value)) or len(str(value)) > 32_768:
            raise self.wrong(value)
        return str(value)


class Plain(Field):
    """Whatever JSON can say."""

    must = "a text, a number, true, false, or a list or mapping of them"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise self.wrong(value) from None
        return value


class Object(Plain):
    """Of any fields: Kubernetes' own, not ours."""

    must = "an object"

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(value, dict):
            raise self.wrong(value)
        return super()._deserialize(value, *args, **options)


class Count(Field):
    def __init__(self, low: int, high: int, **options: Any) -> None:
        super().__init__(must=f"a whole number from {low} to {high}", **options)
        self._range = range(low, high + 1)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value not in self._range:
            raise self.wrong(value)
        return value


class Number(Field):
    must = "a number"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]+", value):
            return float(value)  # YAML 1.1 takes 1e-5 for a text
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(value)
        if not math.isfinite(value):
            raise self.wrong(value)
        return value


class Flag(Field):
    must = "true or false"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(value)
        return value


class Choice(Field):
    def __init__(self, choices: type[StrEnum] | tuple[str, ...], **options: Any) -> None:
        self._choices: dict[str, str] = {str(choice): choice for choice in choices}
        super().__init__(must=f"one of {', '.join(self._choices)}", **options)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or value not in self._choices:
            raise self.wrong(value)
        return self._choices[value]


class Quantity(Field):
    """Of CPU (``milli``: "2", "500m") or memory ("8Gi"), always as a text."""

    def __init__(self, units: str, **options: Any) -> None:
        super().__init__(**options)
        self._pattern = re.compile(_QUANTITY + units)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        text = str(value) if isinstance(value, (str, int, float)) else ""
        if (
            isinstance(value, bool)
            or not self._pattern.fullmatch(text)
            or not text.strip("0.mMGKTi")
        ):
            raise self.wrong(value)
        return text


def cpu(**options: Any) -> Quantity:
    return Quantity(r"m?", must='an amount of CPU such as "2" or "500m"', **options)


def memory(**options: Any) -> Quantity:
    return Quantity(r"[KMGT]i?", must='an amount of memory such as "512Mi" or "8Gi"', **options)


class Duration(Field):
    must = 'a time such as "90m", "24h" or "1d12h", or a number of seconds'

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        seconds = value if isinstance(value, int) and not isinstance(value, bool) else 0
        if isinstance(value, str):
            found = _DURATION.fullmatch(value)
            parts = found.groups() if found and len(value) < 30 else ()
            seconds = sum(int(n or 0) * unit for n, unit in zip(parts, _UNITS, strict=False))
        if not 1 <= seconds <= 366 * 86_400:
            raise self.wrong(value)
        return seconds


class Items(fields.List[Any]):
    """A list, read into a tuple. Of objects, it takes a bare text for their first field."""

    def __init__(self, inner: Any, *, about: str = "", of: str = "a list", **options: Any) -> None:
        super().__init__(
            inner,
            metadata={"about": about},
            error_messages={"invalid": f"must be {of}", "required": f"is missing; give {of}"},
            **options,
        )

    def _deserialize(self, value: Any, *args: Any, **options: Any) -> Any:
        inner = self.inner
        if isinstance(value, list) and isinstance(inner, Part):
            first = next(iter(inner.schema.fields))
            value = [{first: each} if isinstance(each, str) else each for each in value]
        return tuple(super()._deserialize(value, *args, **options))


class Table(fields.Dict):
    """A mapping of names to what ``values`` reads."""

    def __init__(self, keys: Any, values: Any, *, about: str = "", **options: Any) -> None:
        super().__init__(
            keys=keys,
            values=values,
            metadata={"about": about},
            error_messages={"invalid": "must be a mapping of names to values"},
            **options,
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **options)  # type: ignore[no-untyped-call]
        except ValidationError as error:
            if not isinstance(error.messages, dict):
                raise
            # marshmallow tells below a name whether it is wrong or what it stands for.
            said = {name: next(iter(below.values())) for name, below in error.messages.items()}
            raise ValidationError(said) from None


class Part(fields.Nested):
    """An object in the object."""

    def __init__(self, schema: type[Schema], *, about: str = "", **options: Any) -> None:
        super().__init__(
            schema,
            metadata={"about": about},
            error_messages={
                "required": f"is missing; it {_MAPPING}",
                "type": _MAPPING,
            },
            **options,
        )
