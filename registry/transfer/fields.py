"""What a column of an export is: its name and one of five kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase

INTEGER, NUMBER, TEXT, FLAG, BYTES = "integer", "number", "text", "flag", "bytes"


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that holds another table's number, written as the name everybody knows it by."""

    name: str
    model: type[DeclarativeBase]
    number: str
    known_as: str


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an export: ``kind`` is one of the five above."""

    name: str
    kind: str
    nullable: bool
    column: str
    reference: Reference | None = None
