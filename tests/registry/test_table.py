"""Columns and orders as an address names them."""

from __future__ import annotations

import pytest
from podium.client.entities import LifecycleStage, RunStatus
from podium.client.errors import BadRequest
from podium.registry.web.formats import NOTHING
from podium.registry.web.table import (
    COMMIT,
    DATASET,
    DURATION,
    MAX_COLUMNS,
    NEWEST_FIRST,
    STATUS,
    Column,
    Order,
    default_columns,
    keys_in,
    next_order,
    offered,
    parse_columns,
)
from podium.tracker.runs.table import DatasetName, Keys, Row, Summary

ROW = Row(
    run_id="0" * 32,
    run_name="a",
    user_id="ada",
    status=RunStatus.FINISHED,
    state="FINISHED",
    start_time=0,
    end_time=90_000,
    lifecycle_stage=LifecycleStage.ACTIVE,
    metrics={"loss": Summary(last=0.5, first=2.0, min=None, max=3.0)},
    params={"lr": "0.1"},
    tags={"mlflow.source.git.commit": "0123456789abcdef"},
    datasets=(DatasetName("train", "1"), DatasetName("test", "2")),
)


@pytest.mark.parametrize(
    "name",
    ["metrics.val/loss", "params.a.b", "tags.odd name", "min(metrics.loss)", "max(metrics.a (b))"],
)
def test_a_column_is_its_name(name: str) -> None:
    assert Column.parse(name, "column").name == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "metrics", "metrics.", "other.x", "params.`x`", "attributes.secret"),
        *("min(params.lr)", "mean(metrics.loss)", "datasets.digest"),
    ],
)
def test_columns_that_are_none(name: str) -> None:
    with pytest.raises(BadRequest, match="'column'"):
        Column.parse(name, "column")


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Column("metrics", "loss"), 0.5, "0.5"),
        (Column("metrics", "loss", "max"), 3.0, "3"),
        (Column("metrics", "loss", "min"), None, NOTHING),
        (Column("metrics", "none"), None, ""),
        (Column("params", "lr"), "0.1", "0.1"),
        (Column("params", "none"), None, ""),
        (DATASET, "train, test", "train, test"),
        (DURATION, 90_000, "1 min 30 s"),
        (COMMIT, "0123456789abcdef", "01234567"),
        (STATUS, RunStatus.FINISHED, "FINISHED"),
    ],
)
def test_what_a_cell_holds_and_says(column: Column, value: object, text: str) -> None:
    assert (column.value(ROW), column.text(ROW)) == (value, text)


def test_an_order_is_its_text() -> None:
    order = Order.parse("metrics.val loss desc")
    assert (order.column, order.descending) == (Column("metrics", "val loss"), True)
    assert str(order) == "metrics.val loss desc"
    assert order.clause == "metrics.`val loss` DESC"
    assert Order.parse("min(metrics.loss) asc").clause == "min(metrics.`loss`) ASC"


def test_there_is_no_order_by_data_sets() -> None:
    with pytest.raises(BadRequest, match="several data sets"):
        Order.parse("datasets.name asc")


def test_a_second_click_turns_the_order_round() -> None:
    loss = Column("metrics", "loss")
    first = next_order(loss, NEWEST_FIRST)
    assert (first.column, first.descending) == (loss, True)
    assert not next_order(loss, first).descending
    assert not next_order(Column("params", "lr"), first).descending


def test_columns_of_a_table_nobody_has_chosen_for() -> None:
    common = Keys(["m5", "m1", "m2", "m3", "m4"], ["lr"], ["t"])
    assert [column.name for column in default_columns(common)][3:] == [
        "metrics.m1",
        "metrics.m2",
        "metrics.m3",
        "metrics.m5",
        "params.lr",
    ]


def test_chosen_columns_stand_as_they_were_chosen() -> None:
    names = ["tags.t", "params.lr", "min(metrics.a)", "tags.t", "attributes.run_name"]
    columns = parse_columns(names)
    assert [column.name for column in columns] == names[:3], "each once; the name is there anyway"
    assert keys_in(columns) == Keys(["a"], ["lr"], ["t"])
    with pytest.raises(BadRequest, match="60 at most"):
        parse_columns([f"metrics.m{number}" for number in range(MAX_COLUMNS + 1)])


def test_a_chooser_has_what_is_chosen_and_no_bookkeeping() -> None:
    chosen = Column("metrics", "rare", "min")
    found = offered(Keys(["loss"], [], ["team", "mlflow.user"]), [chosen])
    assert found["metrics"] == [Column("metrics", "loss"), chosen]
    assert found["tags"] == [Column("tags", "team")]
    assert "params" not in found


@pytest.mark.parametrize(
    ("value", "expected"),
    [("it's", "params.`m` = 'it''s'"), (None, "params.`m` IS NULL")],
)
def test_the_filter_for_one_group(value: str | None, expected: str) -> None:
    assert Column("params", "m").is_value(value) == expected
