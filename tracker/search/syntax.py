"""What a filter or an order_by term says, once parsed. ``str()`` writes it in canonical form.

Offsets count characters from the start of the text. They serve error messages only: two clauses
that say the same are equal wherever they were written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from podium.client.errors import BadRequest

_WORD = re.compile(r"[^\W\d]\w*")
_PLAIN_NAME = re.compile(r"\w[\w./:\-]*")
_KEYWORD = re.compile("and|or|not|like|ilike|in|between|is|null|exists|asc|desc", re.IGNORECASE)


class InvalidSearch(BadRequest):
    """The text is not in the search language, or does not fit what is searched.

    ``offset`` is the index of the character to point at.
    """

    def __init__(self, message: str, *, offset: int) -> None:
        super().__init__(f"{message} (at column {offset + 1})")
        self.offset = offset


class Operator(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    LIKE = "LIKE"
    NOT_LIKE = "NOT LIKE"
    ILIKE = "ILIKE"
    NOT_ILIKE = "NOT ILIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    BETWEEN = "BETWEEN"
    NOT_BETWEEN = "NOT BETWEEN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Key:
    """The left side of a comparison: ``params.lr`` or an attribute, whose ``scope`` is None.

    ``aggregate`` is the function around it, as in ``max(metrics.accuracy)``.
    """

    scope: str | None
    name: str
    aggregate: str | None = None
    offset: int = field(default=0, compare=False)

    def __str__(self) -> str:
        if self.scope is None:
            text = _word(self.name)
        elif _PLAIN_NAME.fullmatch(self.name):
            text = f"{_word(self.scope)}.{self.name}"
        else:
            text = f"{_word(self.scope)}.{_quoted(self.name)}"
        return text if self.aggregate is None else f"{self.aggregate}({text})"


@dataclass(frozen=True, slots=True)
class Value:
    """A literal. ``text`` is how it was written."""

    value: str | int | float
    text: str = field(default="", compare=False)
    offset: int = field(default=0, compare=False)

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return "'" + self.value.replace("'", "''") + "'"
        # There is no word for infinity: a number too large to write means it.
        return repr(self.value).replace("inf", "1e999")


@dataclass(frozen=True, slots=True)
class Comparison:
    key: Key
    operator: Operator
    values: tuple[Value, ...] = ()
    offset: int = field(default=0, compare=False)

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN | Operator.NOT_IN:
                return f"{self.key} {self.operator} ({', '.join(map(str, self.values))})"
            case Operator.BETWEEN | Operator.NOT_BETWEEN:
                return f"{self.key} {self.operator} {self.values[0]} AND {self.values[1]}"
            case _:
                return " ".join(map(str, (self.key, self.operator, *self.values)))


@dataclass(frozen=True, slots=True)
class Not:
    clause: Clause
    offset: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"NOT {_grouped(self.clause)}"


@dataclass(frozen=True, slots=True)
class And:
    clauses: tuple[Clause, ...]
    offset: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return " AND ".join(map(_grouped, self.clauses))


@dataclass(frozen=True, slots=True)
class Or:
    clauses: tuple[Clause, ...]
    offset: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return " OR ".join(map(_grouped, self.clauses))


Clause = Comparison | Not | And | Or


@dataclass(frozen=True, slots=True)
class Order:
    """One term of order_by."""

    key: Key
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.key} {'DESC' if self.descending else 'ASC'}"


def _grouped(clause: Clause) -> str:
    return str(clause) if isinstance(clause, Comparison | Not) else f"({clause})"


def _word(name: str) -> str:
    if _WORD.fullmatch(name) and not _KEYWORD.fullmatch(name):
        return name
    return _quoted(name)


def _quoted(name: str) -> str:
    """A name came out of one kind of quotes, so that kind is not in it."""
    quote = next(each for each in "`\"'" if each not in name)
    return f"{quote}{name}{quote}"
