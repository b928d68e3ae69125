"""The rules of runs, on both databases."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from podium.client import wire
from podium.client.entities import LifecycleStage, Metric, RunStatus, ViewType
from podium.client.errors import BadRequest, Conflict, NotFound
from podium.tracker import experiments, runs
from podium.tracker.db import Database

RUN_ID = "0123456789abcdef" * 2


@pytest.fixture
def run_id(db: Database) -> str:
    return runs.create_run(db, experiment_id="0").run_id


def batch(key: str, values: list[float], *, sequence: int, first_step: int = 0) -> bytes:
    steps = array("q", range(first_step, first_step + len(values)))
    series = wire.Series(key, steps.tobytes(), steps.tobytes(), array("d", values).tobytes())
    return wire.encode(wire.Batch(b"a writer".ljust(16), sequence, (series,)))


class TestCreating:
    def test_a_new_run_is_running_and_has_a_name_and_a_place_for_files(self, db: Database) -> None:
        run = runs.create_run(db, experiment_id="0", user_id="ada", tags={"team": "vision"})
        assert run.status is RunStatus.RUNNING
        assert run.lifecycle_stage is LifecycleStage.ACTIVE
        assert run.start_time > 0
        assert run.end_time is None
        assert run.user_id == "ada"
        assert run.run_name
        assert dict(run.tags) == {"team": "vision", "mlflow.runName": run.run_name}
        assert run.artifact_uri == f"mlflow-artifacts:/0/{run.run_id}/artifacts"
        assert runs.get_run(db, run.run_id) == run

    def test_without_an_experiment_it_goes_to_the_default_one(self, db: Database) -> None:
        assert runs.create_run(db).experiment_id == "0"

    def test_an_experiment_named_for_the_first_time_is_made(self, db: Database) -> None:
        first = runs.create_run(db, experiment_name="digits")
        second = runs.create_run(db, experiment_name="digits")
        assert first.experiment_id == second.experiment_id != "0"
        assert experiments.get_experiment(db, first.experiment_id).name == "digits"

    def test_asking_again_with_the_same_id_answers_the_same_run(self, db: Database) -> None:
        first = runs.create_run(db, experiment_name="digits", run_id=RUN_ID, run_name="one")
        runs.log_batch(db, RUN_ID, params=[("lr", "0.1")])
        again = runs.create_run(db, experiment_name="digits", run_id=RUN_ID, run_name="two")
        assert again.run_name == first.run_name == "one"
        assert dict(again.params) == {"lr": "0.1"}

    def test_an_id_of_another_experiment_is_a_conflict(self, db: Database) -> None:
        runs.create_run(db, experiment_name="digits", run_id=RUN_ID)
        with pytest.raises(Conflict, match="run_id"):
            runs.create_run(db, experiment_name="letters", run_id=RUN_ID)
        with pytest.raises(NotFound):
            experiments.get_experiment_by_name(db, "letters")

    @pytest.mark.parametrize("experiment", ["Default", "digits"])
    def test_the_same_id_from_many_at_once_makes_one_run(
        self, db: Database, experiment: str
    ) -> None:
        ready = threading.Barrier(8)

        def create(_: int) -> str:
            ready.wait()
            return runs.create_run(db, experiment_name=experiment, run_id=RUN_ID).run_name

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(create, range(8)))) == 1
        found = runs.search_runs(db, experiment_ids=["0", "1"], view=ViewType.ALL)
        assert len(found.items) == 1

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"run_id": "ABC"}, "run_id"),
            ({"run_id": "../../etc/passwd"}, "run_id"),
            ({"run_id": RUN_ID.upper()}, "run_id"),
            ({"start_time": -1}, "start_time"),
            ({"start_time": 2**63}, "start_time"),
            ({"run_name": "a\0b"}, "run_name"),
            ({"tags": {"": "v"}}, "tags"),
            ({"tags": {"a//b": "v"}}, "tags"),
            ({"tags": {"a": "\ud800"}}, "tags"),
            ({"user_id": "\0"}, "user_id"),
            ({"experiment_id": "0", "experiment_name": "x"}, "experiment_id"),
            ({"experiment_id": "x"}, "experiment_id"),
            ({"experiment_name": " "}, "name"),
            ({"run_name": "one", "tags": {"mlflow.runName": "two"}}, "run_name"),
        ],
    )
    def test_bad_input_is_refused_and_leaves_nothing(
        self, db: Database, given: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(BadRequest, match=field):
            runs.create_run(db, **given)
        assert runs.search_runs(db, experiment_ids=["0", "1"], view=ViewType.ALL).items == ()
        assert len(experiments.search_experiments(db).items) == 1

    def test_an_unknown_experiment_is_not_found(self, db: Database) -> None:
        with pytest.raises(NotFound, match="99"):
            runs.create_run(db, experiment_id="99")


class TestChanging:
    def test_ending_a_run(self, db: Database, run_id: str) -> None:
        ended = runs.update_run(db, run_id, status=RunStatus.FINISHED, end_time=42)
        assert (ended.status, ended.end_time) == (RunStatus.FINISHED, 42)
        assert runs.get_run(db, run_id) == ended

    def test_the_name_and_its_tag_are_one(self, db: Database, run_id: str) -> None:
        runs.update_run(db, run_id, run_name="renamed")
        assert runs.get_run(db, run_id).tags["mlflow.runName"] == "renamed"
        runs.log_batch(db, run_id, tags=[("mlflow.runName", "again")])
        assert runs.get_run(db, run_id).run_name == "again"
        assert runs.update_run(db, run_id, run_name="").run_name == "again"

    def test_deleting_and_restoring(self, db: Database, run_id: str) -> None:
        for _ in range(2):
            runs.delete_run(db, run_id)
            assert runs.get_run(db, run_id).lifecycle_stage is LifecycleStage.DELETED
        assert runs.search_runs(db, experiment_ids=["0"]).items == ()
        for _ in range(2):
            runs.restore_run(db, run_id)
        assert len(runs.search_runs(db, experiment_ids=["0"]).items) == 1

    @pytest.mark.parametrize(
        "write",
        [
            lambda db, run_id: runs.update_run(db, run_id, status=RunStatus.FINISHED),
            lambda db, run_id: runs.log_batch(db, run_id, params=[("a", "b")]),
            lambda db, run_id: runs.log_points(db, run_id, batch("loss", [1.0], sequence=0)),
            lambda db, run_id: runs.delete_tag(db, run_id, "mlflow.runName"),
        ],
        ids=["update", "log batch", "log points", "delete tag"],
    )
    def test_a_deleted_run_is_not_written(
        self, db: Database, run_id: str, write: Callable[[Database, str], object]
    ) -> None:
        runs.delete_run(db, run_id)
        before = runs.get_run(db, run_id)
        with pytest.raises(BadRequest, match="'active' state"):
            write(db, run_id)
        assert runs.get_run(db, run_id) == before

    def test_a_tag_is_deleted_once(self, db: Database, run_id: str) -> None:
        runs.log_batch(db, run_id, tags=[("team", "vision")])
        runs.delete_tag(db, run_id, "team")
        assert "team" not in runs.get_run(db, run_id).tags
        with pytest.raises(NotFound, match="team"):
            runs.delete_tag(db, run_id, "team")

    @pytest.mark.parametrize("call", [runs.get_run, runs.delete_run, runs.restore_run])
    def test_an_unknown_run_is_not_found(
        self, db: Database, call: Callable[[Database, str], object]
    ) -> None:
        with pytest.raises(NotFound, match=RUN_ID):
            call(db, RUN_ID)


class TestLogging:
    def test_all_of_a_batch_is_there(self, db: Database, run_id: str) -> None:
        runs.log_batch(
            db,
            run_id,
            metrics=[Metric("loss", 2.0, 10, 0), Metric("loss", 1.0, 20, 1)],
            params=[("lr", "0.1"), ("optimizer", "sgd")],
            tags=[("team", "vision")],
        )
        run = runs.get_run(db, run_id)
        assert run.latest == (Metric("loss", 1.0, 20, 1),)
        assert dict(run.params) == {"lr": "0.1", "optimizer": "sgd"}
        assert run.tags["team"] == "vision"

    def test_the_latest_value_has_the_greatest_step(self, db: Database, run_id: str) -> None:
        for step, value in ((5, 0.5), (9, math.nan), (7, 0.7)):
            runs.log_batch(db, run_id, metrics=[Metric("loss", value, 1, step)])
        [latest] = runs.get_run(db, run_id).latest
        assert latest.step == 9
        assert math.isnan(latest.value)

    @pytest.mark.parametrize(
        "bad",
        [
            {"params": [("lr", "0.2")]},
            {"params": [("a\nb", "1")]},
            {"params": [("new", "1"), ("new", "1")]},
            {"params": [("new", "a\0")]},
            {"tags": [("/abs", "v")]},
            {"metrics": [Metric("../up", 1.0, 1)]},
            {"metrics": [Metric("ok", 1.0, -1)]},
            {"metrics": [Metric("ok", 1.0, 1, 2**63)]},
        ],
    )
    def test_a_batch_is_logged_entirely_or_not_at_all(
        self, db: Database, run_id: str, bad: dict[str, Any]
    ) -> None:
        runs.log_batch(db, run_id, params=[("lr", "0.1")])
        before = runs.get_run(db, run_id)
        good: dict[str, list[Any]] = {
            "metrics": [Metric("loss", 1.0, 1)],
            "params": [("depth", "3")],
            "tags": [("team", "vision")],
        }
        with pytest.raises(BadRequest):
            runs.log_batch(
                db, run_id, **{kind: items + bad.get(kind, []) for kind, items in good.items()}
            )
        assert runs.get_run(db, run_id) == before

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"metrics": [Metric("m", 0.0, 0)] * 1001}, "1000 metrics"),
            ({"params": [(f"p{n}", "") for n in range(101)]}, "100 params"),
            ({"tags": [(f"t{n}", "") for n in range(101)]}, "100 tags"),
            (
                {"metrics": [Metric("m", 0.0, 0)] * 950, "tags": [(f"{n}", "") for n in range(60)]},
                "1000 metrics, params and tags",
            ),
        ],
    )
    def test_a_batch_has_limits(
        self, db: Database, run_id: str, given: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(BadRequest, match=named):
            runs.log_batch(db, run_id, **given)

    def test_a_param_never_changes(self, db: Database, run_id: str) -> None:
        runs.log_batch(db, run_id, params=[("lr", "0.1")])
        runs.log_batch(db, run_id, params=[("lr", "0.1")])
        with pytest.raises(BadRequest, match=r"key='lr'.*'0\.1'.*'0\.2'"):
            runs.log_batch(db, run_id, params=[("lr", "0.2")])
        assert dict(runs.get_run(db, run_id).params) == {"lr": "0.1"}

    def test_a_param_set_by_many_at_once_has_one_value(self, db: Database, run_id: str) -> None:
        def log(value: int) -> int | None:
            try:
                runs.log_batch(db, run_id, params=[("lr", str(value))])
            except BadRequest:
                return None
            return value

        with ThreadPoolExecutor(8) as pool:
            winners = [each for each in pool.map(log, range(16)) if each is not None]
        assert [str(each) for each in winners] == [runs.get_run(db, run_id).params["lr"]]

    def test_long_values_are_cut_as_in_mlflow(self, db: Database, run_id: str) -> None:
        runs.log_batch(db, run_id, params=[("p", "x" * 6001)], tags=[("t", "y" * 8001)])
        run = runs.get_run(db, run_id)
        assert (len(run.params["p"]), len(run.tags["t"])) == (6000, 8000)

    def test_a_batch_of_points_sent_twice_counts_once(self, db: Database, run_id: str) -> None:
        data = batch("loss", [3.0, 2.0, 1.0], sequence=0)
        assert runs.log_points(db, run_id, data) == (3, True)
        assert runs.log_points(db, run_id, data) == (3, False)
        assert runs.get_run(db, run_id).latest == (Metric("loss", 1.0, 2, 2),)

    def test_many_writers_of_one_run_lose_nothing(self, db: Database, run_id: str) -> None:
        ready = threading.Barrier(6)

        def write(writer: int) -> None:
            ready.wait()
            for number in range(10):
                runs.log_batch(
                    db,
                    run_id,
                    metrics=[Metric(f"m{key}", 1.0, 1, writer * 100 + number) for key in range(3)],
                    params=[(f"p{writer}", "v")],
                )

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(write, range(6)))
        run = runs.get_run(db, run_id)
        assert [(point.key, point.step) for point in run.latest] == [
            ("m0", 509),
            ("m1", 509),
            ("m2", 509),
        ]
        assert len(run.params) == 6


class TestSearching:
    def test_pages_cover_every_run_once_newest_first(self, db: Database) -> None:
        made = [runs.create_run(db, start_time=1000 + n // 2).run_id for n in range(7)]
        seen: list[str] = []
        token = None
        while True:
            page = runs.search_runs(db, experiment_ids=["0"], max_results=3, page_token=token)
            seen += [run.run_id for run in page.items]
            token = page.next_page_token
            if token is None:
                break
        assert sorted(seen) == sorted(made)
        times = [runs.get_run(db, each).start_time for each in seen]
        assert times == sorted(times, reverse=True)

    def test_only_the_asked_experiments_are_searched(self, db: Database) -> None:
        runs.create_run(db)
        wanted = runs.create_run(db, experiment_name="digits")
        found = runs.search_runs(db, experiment_ids=[wanted.experiment_id, "4711"]).items
        assert [run.run_id for run in found] == [wanted.run_id]
        assert runs.search_runs(db, experiment_ids=[]).items == ()

    @pytest.mark.parametrize("size", [0, -1, 50_001])
    def test_a_page_has_limits(self, db: Database, size: int) -> None:
        with pytest.raises(BadRequest, match="max_results"):
            runs.search_runs(db, experiment_ids=["0"], max_results=size)

    def test_what_a_search_returns_is_the_whole_run(self, db: Database, run_id: str) -> None:
        runs.log_batch(
            db, run_id, metrics=[Metric("loss", 1.0, 1)], params=[("a", "b")], tags=[("c", "d")]
        )
        found = runs.search_runs(db, experiment_ids=["0"], filter="metrics.loss < 2")
        assert found.items == (runs.get_run(db, run_id),)
