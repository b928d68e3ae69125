"""Schemas of what is answered, made of the dataclasses that hold it, so that both say the same."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from marshmallow import Schema, fields

_SCALARS: dict[type, type[fields.Field[Any]]] = {
    bool: fields.Boolean,
    int: fields.Integer,
    float: fields.Float,
    str: fields.String,
}


@cache
def schema_of(entity: type) -> type[Schema]:
    """A schema of that dataclass for :meth:`Blueprint.response`, described by its docstring.

    Its fields may be numbers, text, enumerations of text, other dataclasses, tuples and mappings of
    those, and None. :class:`TypeError` names a field that is something else.
    """
    hints = get_type_hints(entity)
    made = Schema.from_dict(
        {each.name: _field(hints[each.name], entity, each.name) for each in fields_of(entity)},
        name=f"{entity.__name__}Schema",
    )
    # apispec takes a schema's title and description from there.
    made.Meta.description = inspect.getdoc(entity)  # type: ignore[attr-defined]
    return made


def _field(kind: Any, entity: type, name: str) -> fields.Field[Any]:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType} and NoneType in inner:
        [kind] = [each for each in inner if each is not NoneType]
        made = _field(kind, entity, name)
        made.allow_none = True
        return made
    if origin is tuple:
        return fields.List(_field(inner[0], entity, name))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return fields.Dict()
    if isinstance(kind, type) and is_dataclass(kind):
        return fields.Nested(schema_of(kind))
    for scalar, field in _SCALARS.items():
        if isinstance(kind, type) and issubclass(kind, scalar):
            return field()
    raise TypeError(f"There is no field for {entity.__name__}.{name}, {kind}.")
