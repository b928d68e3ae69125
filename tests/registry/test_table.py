"""Columns and orders as an address names them."""

from __future__ import annotations

import pytest
from podium.client.errors import BadRequest
from podium.registry.web.table import NEWEST_FIRST, Column, Order, choose, next_order


@pytest.mark.parametrize("name", ["metrics.val/loss", "params.a.b", "tags.odd name"])
def test_a_column_is_its_name(name: str) -> None:
    assert Column.parse(name, "column").name == name


@pytest.mark.parametrize("name", ["", "metrics", "metrics.", "other.x", "params.`x`"])
def test_columns_that_are_none(name: str) -> None:
    with pytest.raises(BadRequest, match="'column'"):
        Column.parse(name, "column")


def test_an_order_is_its_text() -> None:
    order = Order.parse("metrics.val loss desc")
    assert (order.column, order.descending) == (Column("metrics", "val loss"), True)
    assert str(order) == "metrics.val loss desc"
    assert order.clause == "metrics.`val loss` DESC"


def test_a_second_click_turns_the_order_round() -> None:
    loss = Column("metrics", "loss")
    first = next_order(loss, NEWEST_FIRST)
    assert (first.column, first.descending) == (loss, True)
    assert not next_order(loss, first).descending
    assert not next_order(Column("params", "lr"), first).descending


def test_columns_of_a_table_nobody_has_chosen_for() -> None:
    keys = {
        "attributes": [],
        "metrics": ["m5", "m1", "m2", "m3", "m4"],
        "params": ["lr"],
        "tags": ["t"],
    }
    assert [column.name for column in choose((), keys)] == [  # type: ignore[arg-type]
        "metrics.m1",
        "metrics.m2",
        "metrics.m3",
        "metrics.m5",
        "params.lr",
    ]
    chosen = choose(["tags.t", "params.lr", "tags.t"], keys)  # type: ignore[arg-type]
    assert [column.name for column in chosen] == ["params.lr", "tags.t"]
