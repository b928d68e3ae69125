"""The table of runs: which columns it has, in which order its rows stand, and what the cells say.

All of it is in the address, so that a link shows what its sender saw. Columns are named
``<kind>.<key>``, as in ``metrics.loss`` and ``params.lr``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from podium.client.entities import RunSnapshot
from podium.client.errors import BadRequest

from .formats import number

Kind = Literal["attributes", "metrics", "params", "tags"]
KINDS: tuple[Kind, ...] = ("attributes", "metrics", "params", "tags")

# What a table shows that nobody has chosen columns for.
_DEFAULT_METRICS, _DEFAULT_PARAMS = 4, 4
_MAX_COLUMNS = 40
# Tags beginning so are bookkeeping between clients and servers.
_SYSTEM = ("mlflow.", "podium.")


@dataclass(frozen=True, slots=True)
class Column:
    kind: Kind
    key: str

    @classmethod
    def parse(cls, name: str, field: str) -> Column:
        kind, _, key = name.partition(".")
        for known in KINDS:
            if kind == known and key and "`" not in key:
                return cls(known, key)
        raise BadRequest(f"'{field}' is {name[:100]!r}: name a column, as in metrics.loss.")

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.key}"

    @property
    def numeric(self) -> bool:
        return self.kind == "metrics"

    def value(self, run: RunSnapshot) -> str:
        match self.kind:
            case "metrics":
                found = run.metrics
                return number(found[self.key]) if self.key in found else ""
            case "params":
                return run.params.get(self.key, "")
            case "tags":
                return run.tags.get(self.key, "")
            case _:
                return str(getattr(run, self.key, ""))


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
        return cls(Column.parse(name, "order"), direction == "desc")

    def __str__(self) -> str:
        return f"{self.column.name} {'desc' if self.descending else 'asc'}"

    @property
    def clause(self) -> str:
        """As the search language writes it."""
        direction = "DESC" if self.descending else "ASC"
        return f"{self.column.kind}.`{self.column.key}` {direction}"


NEWEST_FIRST = Order(Column("attributes", "start_time"), descending=True)


def next_order(column: Column, order: Order) -> Order:
    """What a click on the column's head asks for: figures begin with the greatest."""
    if order.column == column:
        return Order(column, not order.descending)
    return Order(column, column.numeric or column.key in ("start_time", "end_time"))


def available(runs: Sequence[RunSnapshot]) -> dict[Kind, list[str]]:
    """The keys that these runs have, the most common first."""
    return {
        "metrics": _by_frequency(run.metrics for run in runs),
        "params": _by_frequency(run.params for run in runs),
        "tags": _by_frequency(
            {key: "" for key in run.tags if not key.startswith(_SYSTEM)} for run in runs
        ),
    }


def choose(names: Sequence[str], keys: Mapping[Kind, Sequence[str]]) -> list[Column]:
    """The columns asked for, or some that most of the runs have."""
    if names:
        asked = {Column.parse(name, "column") for name in names[:_MAX_COLUMNS]}
        return sorted(asked, key=lambda column: (KINDS.index(column.kind), column.key))
    metrics = [Column("metrics", key) for key in sorted(keys["metrics"][:_DEFAULT_METRICS])]
    params = [Column("params", key) for key in sorted(keys["params"][:_DEFAULT_PARAMS])]
    return metrics + params


def _by_frequency(found: Iterable[Iterable[str]]) -> list[str]:
    counted = Counter(key for keys in found for key in keys)
    return sorted(counted, key=lambda key: (-counted[key], key))
