"""The table of runs: which columns it has, in which order its rows stand, and what the cells say.

All of it is in the address, so that a link shows what its sender saw. Columns are named as the
search language names them: ``metrics.loss``, ``min(metrics.loss)``, ``params.lr``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from podium.client.errors import BadRequest
from podium.tracker.runs.table import Keys, Row
from podium.tracker.search import quoted

from .formats import duration, number

Kind = Literal["attributes", "metrics", "params", "tags", "datasets"]
KINDS: tuple[Kind, ...] = ("attributes", "metrics", "params", "tags", "datasets")

# What a table shows that nobody has chosen columns for.
_DEFAULT_METRICS, _DEFAULT_PARAMS = 4, 4
MAX_COLUMNS = 60
# Tags beginning so are bookkeeping between clients and servers.
SYSTEM = ("mlflow.", "podium.")
_AGGREGATED = re.compile(r"(min|max|first)\((metrics\..+)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """``aggregate`` is of a metric whose last value is not meant: min, max or first."""

    kind: Kind
    key: str
    aggregate: str = ""

    @classmethod
    def parse(cls, name: str, field: str) -> Column:
        found = _AGGREGATED.fullmatch(name)
        aggregate, plain = (found[1], found[2]) if found else ("", name)
        kind, _, key = plain.partition(".")
        for known in KINDS:
            if kind == known and key and "`" not in key:
                column = cls(known, key, aggregate)
                if kind not in ("attributes", "datasets") or column in _FIXED:
                    return column
        raise BadRequest(f"'{field}' is {name[:100]!r}: name a column, as in metrics.loss.")

    @property
    def name(self) -> str:
        plain = f"{self.kind}.{self.key}"
        return f"{self.aggregate}({plain})" if self.aggregate else plain

    @property
    def label(self) -> str:
        return LABELS.get(self) or (f"{self.aggregate} {self.key}" if self.aggregate else self.key)

    @property
    def written(self) -> str:
        """As the search language writes it, whatever characters are in the key."""
        if self.kind == "attributes":
            return self.name
        plain = f"{self.kind}.`{self.key}`"
        return f"{self.aggregate}({plain})" if self.aggregate else plain

    @property
    def numeric(self) -> bool:
        return self.kind == "metrics" or self == DURATION

    @property
    def sortable(self) -> bool:
        return self.kind != "datasets"

    @property
    def measured(self) -> tuple[str, str]:
        """Of a metric: its key, and which of its values this is."""
        return self.key, self.aggregate or "last"

    def is_value(self, value: str | None) -> str:
        """A filter for the runs that have this value here, or none."""
        if value is None:
            return f"{self.written} IS NULL"
        return f"{self.written} = {quoted(value)}"

    @property
    def shape(self) -> str:
        """What the style sheet knows its cells by; widths follow from it, so that nothing jumps."""
        if self.numeric:
            return "number"
        return _SHAPES.get(self, "text")

    def value(self, row: Row) -> Any:
        """A float, a text, a time in milliseconds; None where the run has none."""
        match self.kind:
            case "metrics":
                found = row.metrics.get(self.key)
                return getattr(found, self.aggregate or "last") if found else None
            case "params":
                return row.params.get(self.key)
            case "tags":
                return row.tags.get(self.key)
            case "datasets":
                return ", ".join(each.name for each in row.datasets) or None
            case _ if self == DURATION:
                return None if row.end_time is None else row.end_time - row.start_time
            case _:
                return getattr(row, self.key)

    def text(self, row: Row) -> str:
        """What its cell says, as text."""
        if self == DURATION:
            return duration(row.start_time, row.end_time)
        value = self.value(row)
        if self.kind == "metrics":
            return "" if value is None and self.key not in row.metrics else number(value)
        text = "" if value is None else str(value)
        return text[:8] if self == COMMIT else text


NAME = Column("attributes", "run_name")
STATUS = Column("attributes", "status")
STARTED = Column("attributes", "start_time")
ENDED = Column("attributes", "end_time")
DURATION = Column("attributes", "duration")
USER = Column("attributes", "user_id")
DATASET = Column("datasets", "name")
COMMIT = Column("tags", "mlflow.source.git.commit")
SOURCE = Column("tags", "mlflow.source.name")
LABELS = {
    NAME: "Run",
    STATUS: "Status",
    STARTED: "Started",
    ENDED: "Ended",
    DURATION: "Duration",
    USER: "User",
    Column("attributes", "run_id"): "Run id",
    DATASET: "Data set",
    COMMIT: "Commit",
    SOURCE: "Source",
}
_FIXED = {column for column in LABELS if column.kind in ("attributes", "datasets")}
_SHAPES = {STATUS: "state", STARTED: "moment", ENDED: "moment"}
# Of every run, in the order of the chooser; the name is always there and first.
OF_EVERY_RUN = tuple(column for column in LABELS if column != NAME)
_ALWAYS = (STATUS, STARTED, DURATION)


@dataclass(frozen=True, slots=True)
class Order:
    """What the rows are sorted by."""

    column: Column
    descending: bool

    @classmethod
    def parse(cls, text: str) -> Order:
        name, _, direction = text.rpartition(" ")
        if direction not in ("asc", "desc"):
            raise BadRequest(f"'order' is {text[:100]!r}: write it as in 'metrics.loss desc'.")
        column = Column.parse(name, "order")
        if not column.sortable:
            raise BadRequest(f"'order' is {text[:100]!r}: a run may have read several data sets.")
        return cls(column, direction == "desc")

    def __str__(self) -> str:
        return f"{self.column.name} {'desc' if self.descending else 'asc'}"

    @property
    def clause(self) -> str:
        """As the search language writes it."""
        return f"{self.column.written} {'DESC' if self.descending else 'ASC'}"


NEWEST_FIRST = Order(STARTED, descending=True)


def next_order(column: Column, order: Order) -> Order:
    """What a click on the column's head asks for: figures begin with the greatest."""
    if order.column == column:
        return Order(column, not order.descending)
    return Order(column, column.numeric or column in (STARTED, ENDED))


def parse_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Each once, as they stand; :class:`BadRequest` for a name that is none."""
    if len(names) > MAX_COLUMNS:
        raise BadRequest(
            f"'column' is there {len(names)} times; a table has {MAX_COLUMNS} at most."
        )
    found = dict.fromkeys(Column.parse(name, "column") for name in names)
    found.pop(NAME, None)
    return tuple(found)


def default_columns(common: Keys) -> tuple[Column, ...]:
    """The columns of a table that nobody has chosen any for: what most of its runs have."""
    metrics = [Column("metrics", key) for key in sorted(common.metrics[:_DEFAULT_METRICS])]
    params = [Column("params", key) for key in sorted(common.params[:_DEFAULT_PARAMS])]
    return (*_ALWAYS, *metrics, *params)


def keys_in(columns: Sequence[Column]) -> Keys:
    """What has to be read to fill these."""
    return Keys(
        *(
            list(dict.fromkeys(column.key for column in columns if column.kind == kind))
            for kind in ("metrics", "params", "tags")
        )
    )


def groupable(common: Keys, chosen: Column | None) -> dict[str, list[Column]]:
    """What runs can be grouped by, of what is common in them; the chosen one too."""
    found = {
        "run": [DATASET, STATUS, USER, COMMIT, SOURCE],
        "params": [Column("params", key) for key in common.params],
        "tags": [Column("tags", key) for key in common.tags if not key.startswith(SYSTEM)],
    }
    if chosen is not None and not any(chosen in columns for columns in found.values()):
        found[chosen.kind].append(chosen)
    return {title: columns for title, columns in found.items() if columns}


def offered(common: Keys, chosen: Sequence[Column]) -> dict[str, list[Column]]:
    """The columns that a chooser without script has, by what they are; the chosen ones too."""
    found = {
        "run": list(OF_EVERY_RUN),
        "metrics": [Column("metrics", key) for key in common.metrics],
        "params": [Column("params", key) for key in common.params],
        "tags": [Column("tags", key) for key in common.tags if not key.startswith(SYSTEM)],
    }
    for column in chosen:
        if column not in OF_EVERY_RUN and column not in found[column.kind]:
            found[column.kind].append(column)
    return {title: columns for title, columns in found.items() if columns}
