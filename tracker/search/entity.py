"""What a search can ask of a kind of thing: its attributes, its tables of keys and values.

Each kind is described beside its tables, as runs are in ``tracker.runs.search``. To make another
searchable, describe it; nothing here changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import QueryableAttribute

from .syntax import InvalidSearch, Key

Column = QueryableAttribute[Any]


class Kind(Enum):
    """How a column is compared, and which literals it is compared with."""

    TEXT = "text"
    INTEGER = "integer"
    IDENTIFIER = "identifier"  # an integer that clients see as a string of digits
    METRIC = "metric"  # a double whose NULL means NaN


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column of the searched table itself."""

    column: Column
    kind: Kind = Kind.TEXT
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class KeyTable:
    """A table with a row for each owner and key.

    ``values`` names the column to read for each aggregate; None is the plain ``kind.key``. Where an
    owner may have several rows of a key, a comparison is true when it is for one of them, and
    ``latest`` is the order whose first row is sorted by. ``only`` leaves out rows altogether.
    """

    owner: Column
    key: Column
    values: Mapping[str | None, Column]
    kind: Kind = Kind.TEXT
    latest: tuple[ColumnElement[Any], ...] = ()
    only: tuple[ColumnElement[bool], ...] = ()

    def rows(self, name: str) -> tuple[ColumnElement[bool], ...]:
        """What the rows at a key fulfil."""
        return (self.key == name, *self.only)


@dataclass(frozen=True, slots=True)
class Member:
    """A text of things that belong to the searched one, of which there may be any number.

    A comparison is true when it is for one of them. ``rows`` joins their tables.
    """

    owner: Column
    column: Column
    rows: tuple[ColumnElement[bool], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """What a key means for one entity: a column of its own table, or of rows that ``owner`` owns.

    Two keys mean the same thing when scope, name and column are the same. ``table`` is what can be
    sorted by.
    """

    scope: str
    name: str
    column: Column
    kind: Kind
    nullable: bool = False
    owner: Column | None = None
    rows: tuple[ColumnElement[bool], ...] = ()
    table: KeyTable | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """A searchable table. ``id`` is the column that its key tables refer to.

    ``default_order`` holds when a search names no order, ``ties`` follows what it names; each ends
    with something unique, so that pages neither repeat nor lose a row.
    """

    name: str
    id: Column
    attributes: Mapping[str, Attribute]
    key_tables: Mapping[str, KeyTable]
    default_order: tuple[str, ...]
    ties: tuple[str, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, Member]] = field(default_factory=dict)

    def find(self, key: Key) -> Field:
        """Raises :class:`InvalidSearch` listing what there is when ``key`` means nothing here."""
        scope = "attribute" if key.scope is None else _SCOPES.get(key.scope, key.scope)
        if scope == "attribute":
            return self._attribute(key)
        if scope in self.members:
            return self._member(scope, key)
        table = self.key_tables.get(scope)
        if table is None:
            raise InvalidSearch(
                f"Invalid entity type '{scope[:80]}'. Valid values for {self.name} are "
                f"{[*self.key_tables, *self.members, 'attribute']}",
                offset=key.offset,
            )
        column = table.values.get(key.aggregate)
        if column is None:
            raise InvalidSearch(
                f"Invalid function '{key.aggregate}' of a {scope}: "
                "only metrics have a min, max, first and last",
                offset=key.offset,
            )
        return Field(
            scope,
            key.name,
            column,
            table.kind,
            owner=table.owner,
            rows=table.rows(key.name),
            table=table,
        )

    def _member(self, scope: str, key: Key) -> Field:
        found = self.members[scope].get(key.name)
        if found is None or key.aggregate is not None:
            raise InvalidSearch(
                f"Invalid {scope} key '{key.name[:80]}' specified. "
                f"Valid keys are {sorted(self.members[scope])}",
                offset=key.offset,
            )
        return Field(scope, key.name, found.column, Kind.TEXT, owner=found.owner, rows=found.rows)

    def _attribute(self, key: Key) -> Field:
        if key.aggregate is not None:
            raise InvalidSearch(
                f"Invalid function '{key.aggregate}' of an attribute: only metrics have a min, "
                f"max, first and last, as in {key.aggregate}(metrics.loss)",
                offset=key.offset,
            )
        name = self.aliases.get(key.name, key.name)
        found = self.attributes.get(name)
        if found is None:
            raise InvalidSearch(
                f"Invalid attribute key '{key.name[:80]}' specified. Valid keys for {self.name} "
                f"are {sorted(self.attributes)}",
                offset=key.offset,
            )
        return Field("attribute", name, found.column, found.kind, found.nullable)


_SCOPES = {
    "metrics": "metric",
    "params": "param",
    "parameter": "param",
    "parameters": "param",
    "tags": "tag",
    "aliases": "alias",
    "attributes": "attribute",
    "attr": "attribute",
    "run": "attribute",
    "datasets": "dataset",
}
