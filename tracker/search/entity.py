"""What can be searched: for each kind of thing its attributes and its tables of keys and values.

To make another kind searchable, describe it here as :data:`RUNS` does; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sqlalchemy.orm import QueryableAttribute

from ..models import Experiment, ExperimentTag, MetricSummary, Param, Run, Tag
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
    """A table with at most one row for each owner and key.

    ``values`` names the column to read for each aggregate; None is the plain ``kind.key``.
    """

    owner: Column
    key: Column
    values: Mapping[str | None, Column]
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Field:
    """What a key means for one entity: a column of its own table, or of ``table`` at ``name``.

    Two keys mean the same thing when scope, name and column are the same.
    """

    scope: str
    name: str
    column: Column
    kind: Kind
    nullable: bool = False
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

    def find(self, key: Key) -> Field:
        """Raises :class:`InvalidSearch` listing what there is when ``key`` means nothing here."""
        scope = "attribute" if key.scope is None else _SCOPES.get(key.scope, key.scope)
        if scope == "attribute":
            return self._attribute(key)
        table = self.key_tables.get(scope)
        if table is None:
            raise InvalidSearch(
                f"Invalid entity type '{scope[:80]}'. Valid values for {self.name} are "
                f"{[*self.key_tables, 'attribute']}",
                offset=key.offset,
            )
        column = table.values.get(key.aggregate)
        if column is None:
            raise InvalidSearch(
                f"Invalid function '{key.aggregate}' of a {scope}: "
                "only metrics have a min, max, first and last",
                offset=key.offset,
            )
        return Field(scope, key.name, column, table.kind, table=table)

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
}

RUNS = Entity(
    name="runs",
    id=Run.id,
    attributes={
        "run_id": Attribute(Run.run_id),
        "run_name": Attribute(Run.name),
        "experiment_id": Attribute(Run.experiment_id, Kind.IDENTIFIER),
        "user_id": Attribute(Run.user_id),
        "status": Attribute(Run.status),
        "artifact_uri": Attribute(Run.artifact_uri),
        "start_time": Attribute(Run.start_time, Kind.INTEGER),
        "end_time": Attribute(Run.end_time, Kind.INTEGER, nullable=True),
    },
    aliases={
        "created": "start_time",
        "Created": "start_time",
        "run name": "run_name",
        "Run name": "run_name",
        "Run Name": "run_name",
    },
    key_tables={
        "metric": KeyTable(
            MetricSummary.run,
            MetricSummary.key,
            {
                None: MetricSummary.last_value,
                "last": MetricSummary.last_value,
                "first": MetricSummary.first_value,
                "min": MetricSummary.min_value,
                "max": MetricSummary.max_value,
            },
            Kind.METRIC,
        ),
        "param": KeyTable(Param.run, Param.key, {None: Param.value}),
        "tag": KeyTable(Tag.run, Tag.key, {None: Tag.value}),
    },
    default_order=("start_time DESC", "run_id ASC"),
    ties=("start_time DESC", "run_id ASC"),
)

EXPERIMENTS = Entity(
    name="experiments",
    id=Experiment.id,
    attributes={
        "experiment_id": Attribute(Experiment.id, Kind.IDENTIFIER),
        "name": Attribute(Experiment.name),
        "creation_time": Attribute(Experiment.creation_time, Kind.INTEGER),
        "last_update_time": Attribute(Experiment.last_update_time, Kind.INTEGER),
    },
    key_tables={
        "tag": KeyTable(
            ExperimentTag.experiment_id, ExperimentTag.key, {None: ExperimentTag.value}
        ),
    },
    default_order=("creation_time DESC", "experiment_id ASC"),
    ties=("experiment_id DESC",),
)
