"""Schemas that are made of dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from marshmallow import fields
from podium.registry.api.entities import schema_of


class Colour(StrEnum):
    RED = "RED"


@dataclass(frozen=True)
class Inner:
    """What lies within."""

    size: int


@dataclass(frozen=True)
class Outer:
    """What it looks like."""

    name: str
    colour: Colour
    done: bool
    share: float
    parent: int | None
    within: tuple[Inner, ...]
    numbers: Mapping[str, Any]


def test_each_field_is_told_as_what_it_is() -> None:
    schema = schema_of(Outer)
    outer = Outer("a", Colour.RED, True, 0.5, None, (Inner(3),), {"x": 1})
    assert schema().dump(outer) == {
        "name": "a",
        "colour": "RED",
        "done": True,
        "share": 0.5,
        "parent": None,
        "within": [{"size": 3}],
        "numbers": {"x": 1},
    }
    kinds = {name: type(field) for name, field in schema().fields.items()}
    assert kinds["done"] is fields.Boolean, "a bool is an int, too"
    assert kinds["share"] is fields.Float
    assert [name for name, field in schema().fields.items() if field.allow_none] == ["parent"]
    assert schema.Meta.description == "What it looks like."  # type: ignore[attr-defined]


def test_a_field_that_no_schema_can_hold_is_named() -> None:
    @dataclass
    class Odd:
        what: complex

    with pytest.raises(TypeError, match=r"Odd\.what"):
        schema_of(Odd)
