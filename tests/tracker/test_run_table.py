"""What tables of runs read: pages with some of the values, keys, groups, changes of many."""

from __future__ import annotations

import math
from typing import Any

import pytest
from podium.client.entities import (
    Dataset,
    DatasetInput,
    LifecycleStage,
    Metric,
    RunStatus,
    ViewType,
)
from podium.client.errors import BadRequest, NotFound
from podium.tracker import audit, experiments, runs
from podium.tracker.db import Database
from podium.tracker.runs import groups
from podium.tracker.runs.groups import Spread, group_runs
from podium.tracker.runs.table import Keys, keys_of, read_rows, read_table


@pytest.fixture
def experiment(db: Database) -> str:
    return experiments.create_experiment(db, name="sweep").experiment_id


def run(db: Database, experiment: str, name: str, **logged: Any) -> str:
    made = runs.create_run(
        db, experiment_id=experiment, run_name=name, start_time=logged.pop("start", 1000)
    )
    metrics = [
        Metric(key, value, 0, step)
        for key, values in logged.pop("metrics", {}).items()
        for step, value in enumerate(values)
    ]
    params = list(logged.pop("params", {}).items())
    tags = list(logged.pop("tags", {}).items())
    runs.log_batch(db, made.run_id, metrics=metrics, params=params, tags=tags)
    if data := logged.pop("data", ()):
        inputs = [DatasetInput(Dataset(each, "d", "local", "{}")) for each in data]
        runs.log_inputs(db, made.run_id, inputs=inputs)
    assert not logged
    return made.run_id


class TestReading:
    def test_the_values_asked_for_and_no_others(self, db: Database, experiment: str) -> None:
        made = run(
            db,
            experiment,
            "a",
            metrics={"loss": [3.0, 1.0, 2.0], "other": [1.0]},
            params={"lr": "0.1", "more": "x"},
            tags={"team": "vision"},
            data=["train", "test"],
        )
        table = read_table(
            db, experiment_id=experiment, keys=Keys(["loss"], ["lr"], ["team", "none"])
        )
        [row] = table.rows
        assert (row.run_id, row.run_name, row.state) == (made, "a", "RUNNING")
        assert set(row.metrics) == {"loss"}
        loss = row.metrics["loss"]
        assert (loss.last, loss.first, loss.min, loss.max) == (2.0, 3.0, 1.0, 3.0)
        assert row.params == {"lr": "0.1"}
        assert row.tags == {"team": "vision"}
        assert [each.name for each in row.datasets] == ["train", "test"]

    def test_what_is_no_number_stays_so(self, db: Database, experiment: str) -> None:
        run(db, experiment, "a", metrics={"loss": [math.nan]})
        [row] = read_table(db, experiment_id=experiment).rows
        assert math.isnan(row.metrics["loss"].last)
        assert row.metrics["loss"].min is None

    def test_without_keys_the_common_ones(self, db: Database, experiment: str) -> None:
        run(db, experiment, "a", metrics={"z": [1.0], "b": [1.0]}, params={"p": "1"})
        run(db, experiment, "b", metrics={"z": [1.0]})
        table = read_table(db, experiment_id=experiment)
        assert list(table.common.metrics) == ["z", "b"]
        assert all("z" in row.metrics for row in table.rows)

    def test_a_run_with_thousands_of_keys(self, db: Database, experiment: str) -> None:
        made = run(db, experiment, "wide")
        for first in range(0, 10_000, 1000):
            points = [Metric(f"m{number:05}", 1.0, 0, 0) for number in range(first, first + 1000)]
            runs.log_batch(db, made, metrics=points)
        table = read_table(db, experiment_id=experiment, keys=Keys(["m00007"]))
        assert list(table.rows[0].metrics) == ["m00007"]
        assert len(table.common.metrics) <= 30
        assert len(keys_of(db, experiment).metrics) == 10_000

    def test_rows_in_the_order_asked_for(self, db: Database, experiment: str) -> None:
        first, second = (run(db, experiment, name) for name in "ab")
        found = read_rows(db, [second, "0" * 32, first], Keys())
        assert [row.run_name for row in found] == ["b", "a"]

    @pytest.mark.parametrize(
        ("order", "names"),
        [
            ("attributes.duration DESC", ["long", "short", "going"]),
            ("min(metrics.`loss`) ASC", ["short", "going", "long"]),
        ],
    )
    def test_orders_that_a_table_offers(
        self, db: Database, experiment: str, order: str, names: list[str]
    ) -> None:
        for name, least, end in (("long", 3.0, 9000), ("short", 1.0, 2000), ("going", 2.0, None)):
            made = run(db, experiment, name, metrics={"loss": [least, 5.0]})
            if end:
                runs.update_run(db, made, status=RunStatus.FINISHED, end_time=end)
        found = read_table(db, experiment_id=experiment, order_by=[order])
        assert [row.run_name for row in found.rows] == names


class TestKeys:
    def test_of_all_kinds_sorted(self, db: Database, experiment: str) -> None:
        run(db, experiment, "a", metrics={"b": [1.0], "a": [1.0]}, params={"p": "1"})
        run(db, experiment, "b", metrics={"c": [1.0]}, tags={"t": "1"})
        found = keys_of(db, experiment)
        assert (found.metrics, found.params) == (["a", "b", "c"], ["p"])
        assert "t" in found.tags

    def test_of_an_experiment_that_is_not_there(self, db: Database) -> None:
        with pytest.raises(NotFound):
            keys_of(db, "999")


class TestGroups:
    @pytest.fixture
    def sweep(self, db: Database, experiment: str) -> str:
        for name, model, loss in (("a", "MLP", 1.0), ("b", "MLP", 3.0), ("c", "CNN", math.nan)):
            run(
                db,
                experiment,
                name,
                params={"model": model},
                metrics={"loss": [9.0, loss]},
                data=["x", "y"] if name == "a" else [],
            )
        run(db, experiment, "d", start=5000)
        return experiment

    def test_by_a_param_the_largest_first(self, db: Database, sweep: str) -> None:
        wanted = [("loss", "last"), ("loss", "max")]
        found = group_runs(db, experiment_id=sweep, kind="params", key="model", metrics=wanted)
        assert {each.value: each.runs for each in found.found} == {"MLP": 2, "CNN": 1, None: 1}
        assert found.averaged
        mlp = found.found[0]
        assert mlp.metrics["loss", "last"] == Spread(2.0, 1.0, 3.0)
        assert mlp.metrics["loss", "max"] == Spread(9.0, 9.0, 9.0)
        by_value = {each.value: each for each in found.found}
        assert ("loss", "last") not in by_value["CNN"].metrics, "NaN is no number"
        assert by_value[None].last_start == 5000

    def test_filtered_and_by_data_set(self, db: Database, sweep: str) -> None:
        found = group_runs(
            db, experiment_id=sweep, kind="datasets", key="name", filter="params.model = 'MLP'"
        )
        assert {each.value: each.runs for each in found.found} == {"x": 1, "y": 1, None: 1}

    def test_too_many_to_average(
        self, db: Database, sweep: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(groups, "MAX_AVERAGED", 3)
        found = group_runs(
            db, experiment_id=sweep, kind="attributes", key="status", metrics=[("loss", "last")]
        )
        assert not found.averaged
        assert [(each.value, each.runs, each.metrics) for each in found.found] == [
            ("RUNNING", 4, {})
        ]

    def test_only_so_many_groups(
        self, db: Database, sweep: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(groups, "MAX_GROUPS", 2)
        found = group_runs(db, experiment_id=sweep, kind="params", key="model")
        assert (len(found.found), found.more) == (2, True)

    def test_by_something_else(self, db: Database, sweep: str) -> None:
        with pytest.raises(BadRequest, match="group"):
            group_runs(db, experiment_id=sweep, kind="metrics", key="loss")


class TestChangesOfMany:
    def test_deleted_and_restored(self, db: Database, experiment: str) -> None:
        made = [run(db, experiment, name) for name in "abc"]
        assert runs.delete_runs(db, [*made[:2], made[0]]) == 2
        assert [row.run_id for row in read_table(db, experiment_id=experiment).rows] == made[2:]
        gone = read_table(db, experiment_id=experiment, view=ViewType.DELETED_ONLY)
        assert {row.run_id for row in gone.rows} == set(made[:2])
        runs.restore_runs(db, made)
        assert runs.get_run(db, made[0]).lifecycle_stage is LifecycleStage.ACTIVE
        actions = [each["action"] for each in audit.search(db, subject=f"run:{made[0]}").items]
        assert actions == ["run.restore", "run.delete"]

    def test_tagged(self, db: Database, experiment: str) -> None:
        made = [run(db, experiment, name) for name in "ab"]
        assert runs.tag_runs(db, made, "team", "vision") == 2
        assert all(runs.get_run(db, each).tags["team"] == "vision" for each in made)

    def test_all_or_none(self, db: Database, experiment: str) -> None:
        made = [run(db, experiment, name) for name in "ab"]
        with pytest.raises(NotFound):
            runs.delete_runs(db, [*made, "0" * 32])
        assert len(read_table(db, experiment_id=experiment).rows) == 2
        runs.delete_runs(db, made[:1])
        with pytest.raises(BadRequest, match="restore it first"):
            runs.tag_runs(db, made, "t", "1")
        assert "t" not in runs.get_run(db, made[1]).tags

    @pytest.mark.parametrize("count", [0, 1001])
    def test_not_of_none_and_not_of_too_many(self, db: Database, count: int) -> None:
        with pytest.raises(BadRequest, match="choose 1 to 1000"):
            runs.delete_runs(db, [f"{number:032x}" for number in range(count)])

    def test_a_name_is_not_for_many(self, db: Database, experiment: str) -> None:
        with pytest.raises(BadRequest, match="one by one"):
            runs.tag_runs(db, [run(db, experiment, "a")], "mlflow.runName", "x")
