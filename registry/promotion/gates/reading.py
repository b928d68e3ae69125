"""Gates from JSON and back: ``{"gate": "metric", "metric": "accuracy", "at_least": 0.9}``."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from podium.client.errors import BadRequest
from podium.client.rules import check_text, shown

from . import GATES
from .base import Gate

MAX_TEXT = 2000


def parse_gate(told: Any, at: str) -> Gate:
    """``at`` is where in the input it is, for the message of what is wrong with it."""
    if not isinstance(told, Mapping) or told.get("gate") not in GATES:
        raise BadRequest(
            f"'{at}' must be an object whose 'gate' is one of {', '.join(sorted(GATES))}."
        )
    kind = GATES[told["gate"]]
    fields = {each.name: each for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given = {key: value for key, value in told.items() if key != "gate" and value is not None}
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise BadRequest(
            f"'{at}.{unknown[0]}' is nothing that a gate {kind.kind!r} knows; it knows "
            f"{', '.join(fields) or 'nothing'}."
        )
    for name, each in fields.items():
        missing = dataclasses.MISSING
        if name not in given and each.default is missing and each.default_factory is missing:
            raise BadRequest(f"'{at}.{name}' is missing: a gate {kind.kind!r} needs it.")
    hints = get_type_hints(kind)
    values = {name: _read(value, hints[name], f"{at}.{name}") for name, value in given.items()}
    try:
        return kind(**values)
    except BadRequest as error:
        raise BadRequest(f"'{at}': {error.message}") from None


def render_gate(gate: Gate) -> dict[str, Any]:
    """As it was given, without what is at its default."""
    told: dict[str, Any] = {"gate": gate.kind}
    for each in dataclasses.fields(gate):  # type: ignore[arg-type]
        value = getattr(gate, each.name)
        default = (
            each.default if each.default_factory is dataclasses.MISSING else each.default_factory()
        )
        if value != default:
            told[each.name] = _plain(value)
    return told


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _read(value: Any, wanted: Any, at: str) -> Any:
    if get_origin(wanted) in (Union, types.UnionType):
        (wanted,) = [each for each in get_args(wanted) if each is not types.NoneType]
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            raise BadRequest(f"'{at}' is {shown(value)}: give {' or '.join(get_args(wanted))}.")
        return value
    if wanted is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadRequest(f"'{at}' is {shown(value)}: give a number.")
        return float(value)
    if wanted is str:
        return _text(value, at)
    if get_origin(wanted) is tuple:
        if not isinstance(value, list | tuple):
            raise BadRequest(f"'{at}' is {shown(value)}: give a list of texts.")
        return tuple(_text(each, f"{at}[{place}]") for place, each in enumerate(value))
    if not isinstance(value, Mapping):
        raise BadRequest(f"'{at}' is {shown(value)}: give an object of texts.")
    return {_text(key, at): _text(each, f"{at}.{key}") for key, each in value.items()}


def _text(value: Any, at: str) -> str:
    check_text(value, at, limit=MAX_TEXT)
    if not value.strip():
        raise BadRequest(f"'{at}' is blank.")
    return str(value)
