"""/mlflow/metrics/…: histories, paged and sampled."""

from __future__ import annotations

import pytest

from ...api import Api, Json


def log(api: Api, run_id: str, key: str, values: list[object], *, first: int = 0) -> None:
    points = [
        {"key": key, "value": value, "timestamp": 1000 + first + index, "step": first + index}
        for index, value in enumerate(values)
    ]
    api.post("/runs/log-batch", run_id=run_id, metrics=points)


class TestHistory:
    def test_it_works(self, api: Api) -> None:
        run_id = api.create_run()
        log(api, run_id, "loss", [0.5, "NaN", "-Infinity"])
        answer = api.get("/metrics/get-history", run_id=run_id, metric_key="loss")
        assert answer == {
            "metrics": [
                {"key": "loss", "value": 0.5, "timestamp": 1000, "step": 0},
                {"key": "loss", "value": "NaN", "timestamp": 1001, "step": 1},
                {"key": "loss", "value": "-Infinity", "timestamp": 1002, "step": 2},
            ]
        }
        assert answer == api.get(
            "/ajax-api/2.0/mlflow/metrics/get-history", run_uuid=run_id, metric_key="loss"
        )

    def test_an_unknown_key_has_no_points(self, api: Api) -> None:
        assert api.get("/metrics/get-history", run_id=api.create_run(), metric_key="loss") == {}

    def test_a_point_logged_twice_is_there_once(self, api: Api) -> None:
        run_id = api.create_run()
        for _ in range(2):
            log(api, run_id, "loss", [1, "NaN"])
        metrics = api.get("/metrics/get-history", run_id=run_id, metric_key="loss")["metrics"]
        assert [point["value"] for point in metrics] == [1.0, "NaN"]

    def test_pages_hold_every_point_once_while_more_arrive(self, api: Api) -> None:
        run_id = api.create_run()
        log(api, run_id, "loss", [5, "NaN", 3, 2, 1], first=10)
        query = {"run_id": run_id, "metric_key": "loss", "max_results": 2}
        first = api.get("/metrics/get-history", **query)
        log(api, run_id, "loss", [9], first=0)  # it belongs before what was read already
        log(api, run_id, "loss", [0], first=15)
        steps, page = [], first
        while True:
            steps += [point["step"] for point in page["metrics"]]
            if "next_page_token" not in page:
                break
            token = page["next_page_token"]
            page = api.get("/metrics/get-history", **query, page_token=token)
        assert steps == [10, 11, 12, 13, 14, 15]

    @pytest.mark.parametrize(
        ("query", "status", "message"),
        [
            ({"run_id": "0" * 32, "metric_key": "a"}, 404, f"Run with id={'0' * 32} not found"),
            ({"metric_key": "a"}, 400, "Missing value for required parameter 'run_id'."),
            ({"run_id": "x"}, 400, "Missing value for required parameter 'metric_key'."),
            ({"max_results": 0}, 400, "Invalid value 0 for parameter 'max_results'"),
            ({"max_results": -1}, 400, "Invalid value -1 for parameter 'max_results'"),
            ({"max_results": "ten"}, 400, "Invalid value 'ten' for parameter 'max_results'"),
            ({"page_token": "?"}, 400, "Invalid page token"),
            ({"page_token": "b25lIHRvbyBzaG9ydA=="}, 400, "Invalid page token"),
            ({"page_token": "é"}, 400, "Invalid page token"),
        ],
    )
    def test_what_is_wrong_is_named(self, api: Api, query: Json, status: int, message: str) -> None:
        if "page_token" in query or "max_results" in query:
            query = {"run_id": api.create_run(), "metric_key": "loss", **query}
        found, body = api.refused("GET", "/metrics/get-history", **query)
        assert found == status
        assert message in body["message"]


class TestBulk:
    PATH = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"

    def test_one_run_after_the_other_until_there_are_enough(self, api: Api) -> None:
        runs = sorted([api.create_run(), api.create_run()])
        for number, run_id in enumerate(runs):
            log(api, run_id, "loss", [number, "NaN"])
        query = {"run_id": [*runs, runs[0]], "metric_key": "loss"}
        points = [
            {"key": "loss", "value": value, "timestamp": 1000 + step, "step": step, "run_id": run}
            for number, run in enumerate(runs)
            for step, value in enumerate((float(number), "NaN"))
        ]
        assert api.get(self.PATH, **query) == {"metrics": points}
        assert api.get(self.PATH, **query, max_results=3) == {"metrics": points[:3]}
        assert api.get(self.PATH, run_id=runs, metric_key="no") == {"metrics": []}

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ({"metric_key": "a"}, "'run_id'"),
            ({"run_id": ["x"]}, "Missing value for required parameter 'metric_key'."),
            ({"run_id": ["x"] * 101, "metric_key": "a"}, "it must hold 1 to 100 run ids, not 101"),
            ({"run_id": ["x"], "metric_key": "a", "max_results": 0}, "'max_results'"),
        ],
    )
    def test_what_is_wrong_is_named(self, on_folder: Api, query: Json, message: str) -> None:
        status, body = on_folder.refused("GET", self.PATH, **query)
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in body["message"]


class TestBulkInterval:
    PATH = "/metrics/get-history-bulk-interval"

    def test_it_works(self, api: Api) -> None:
        runs = [api.create_run(), api.create_run()]
        for run_id in runs:
            log(api, run_id, "loss", list(range(10)))
        answer = api.get(
            self.PATH, run_ids=runs, metric_key="loss", start_step=2, end_step=8, max_results=3
        )
        assert answer == {
            "metrics": [
                {
                    "run_id": run,
                    "key": "loss",
                    "value": step,
                    "timestamp": 1000 + step,
                    "step": step,
                }
                for run in runs
                for step in (2, 5, 8)
            ]
        }
        assert api.get(f"/ajax-api/2.0/mlflow{self.PATH}", run_ids=runs, metric_key="no") == {}

    def test_all_points_when_there_is_room(self, api: Api) -> None:
        run_id = api.create_run()
        log(api, run_id, "loss", [1, "NaN", 3])
        metrics = api.get(self.PATH, run_ids=[run_id], metric_key="loss")["metrics"]
        assert [point["value"] for point in metrics] == [1.0, "NaN", 3.0]

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ({"metric_key": "a"}, "'run_ids'"),
            ({"run_ids": ["x"]}, "Missing value for required parameter 'metric_key'."),
            ({"run_ids": ["x"] * 101, "metric_key": "a"}, "'run_ids'"),
            ({"run_ids": ["x"], "metric_key": "a", "max_results": 0}, "'max_results'"),
            ({"run_ids": ["x"], "metric_key": "a", "max_results": 2501}, "'max_results'"),
            ({"run_ids": ["x"], "metric_key": "a", "start_step": "b"}, "'start_step'"),
            (
                {"run_ids": ["x"], "metric_key": "a", "start_step": 2, "end_step": 1},
                "'end_step' must not be less than 'start_step'",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, api: Api, query: Json, message: str) -> None:
        status, body = api.refused("GET", self.PATH, **query)
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in body["message"]
