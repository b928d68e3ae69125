"""Which tables could be split by run, in partitions or over several PostgreSQL servers.

A unique index of a split table must contain the column it is split by. docs/capacity.md names what
does not fit; this keeps it true.
"""

from __future__ import annotations

import re
from pathlib import Path

from podium.tracker.models import Base, Run
from sqlalchemy import Table, UniqueConstraint

_PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"


def test_what_keeps_tables_from_being_split_by_run_is_on_the_page() -> None:
    found = {each for table in Base.metadata.tables.values() for each in _in_the_way(table)}
    section = _PAGE.read_text().partition("## Past one PostgreSQL")[2]
    assert set(re.findall(r"^\| `(\w+)` \| `([\w, ]+)` \|", section, re.MULTILINE)) == found


def _in_the_way(table: Table) -> list[tuple[str, str]]:
    """Of a table below runs its unique keys that do not have the run, as (table, columns)."""
    by = "id" if table is Run.__table__ else "run"
    if by not in table.columns or (by == "run" and not table.columns[by].foreign_keys):
        return []
    keys = [[column.name for column in table.primary_key]]
    keys += [
        [column.name for column in each.columns]
        for each in table.constraints
        if isinstance(each, UniqueConstraint)
    ]
    keys += [[column.name for column in index.columns] for index in table.indexes if index.unique]
    return [(table.name, ", ".join(key)) for key in keys if by not in key]
