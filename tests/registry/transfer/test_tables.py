"""Every table of both packages is in an export, or there is a reason why it is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from podium.registry.app import HISTORIES
from podium.registry.transfer.tables import LEFT_BEHIND, TABLES, WRITERS, Model, TableOf
from podium.tracker.models import Run
from sqlalchemy import UniqueConstraint, inspect
from sqlalchemy.orm import DeclarativeBase

DESCRIBED = (*TABLES, WRITERS)


def models() -> Iterator[Model]:
    """Of the packages whose schema the application keeps: it has imported all of them."""
    assert HISTORIES
    for base in DeclarativeBase.__subclasses__():
        if base.__module__.startswith("podium."):
            yield from (mapper.class_ for mapper in base.registry.mappers)


def test_no_model_is_forgotten() -> None:
    found = set(models())
    described = {each.model for each in DESCRIBED}
    assert found == described | set(LEFT_BEHIND), "describe it in registry/transfer/tables.py"
    assert not described & set(LEFT_BEHIND)
    assert Run in found


@pytest.mark.parametrize("table", DESCRIBED, ids=lambda table: table.name)
def test_a_key_names_one_row(table: TableOf) -> None:
    names = {each.name: each.column for each in table.fields}
    key = {names[name] for name in table.key}
    unique = [
        {column.name for column in each.columns}
        for each in (
            table.table.primary_key,
            *(c for c in table.table.constraints if isinstance(c, UniqueConstraint)),
        )
    ]
    assert key in unique


@pytest.mark.parametrize("table", DESCRIBED, ids=lambda table: table.name)
def test_the_order_ends_in_the_key_so_that_it_is_the_only_one(table: TableOf) -> None:
    order = [name.removeprefix("run.") for name in table.order or table.key]
    assert set(table.key) <= set(order)


@pytest.mark.parametrize("table", DESCRIBED, ids=lambda table: table.name)
def test_what_a_table_refers_to_is_loaded_before_it(table: TableOf) -> None:
    before = [each.table for each in DESCRIBED[: DESCRIBED.index(table)]]
    for key in table.table.foreign_keys:
        assert key.column.table in before
        # A number that is not carried over must not be referred to by its number.
        [described] = [each for each in DESCRIBED if each.table is key.column.table]
        if key.column.name in described.omit:
            assert key.parent.name in table.references


def test_every_column_that_stays_behind_is_one() -> None:
    for table in DESCRIBED:
        assert set(table.omit) <= {column.key for column in inspect(table.model).columns}
