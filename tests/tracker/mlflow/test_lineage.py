"""/mlflow/runs/log-inputs, …/outputs, …/log-model and experiments/search-datasets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from podium.tracker.db import Database
from sqlalchemy import event

from ...api import Api, Json

DATASET = {"name": "digits", "digest": "d1", "source_type": "local", "source": '{"uri": "x"}'}
TRAIN = [{"key": "mlflow.data.context", "value": "train"}]


def log(api: Api, run_id: str, *inputs: Json) -> None:
    assert api.post("/runs/log-inputs", run_id=run_id, datasets=list(inputs)) == {}


def run_of(api: Api, run_id: str) -> Json:
    run = api.get("/runs/get", run_id=run_id)["run"]
    assert isinstance(run, dict)
    return run


def model_id(api: Api) -> str:
    return str(api.post("/logged-models", experiment_id="0")["model"]["info"]["model_id"])


class TestInputs:
    def test_it_works(self, api: Api) -> None:
        run_id = api.create_run()
        whole = {**DATASET, "schema": '{"a": 1}', "profile": '{"rows": 2}'}
        other = {**DATASET, "digest": "d2"}
        log(api, run_id, {"dataset": whole, "tags": TRAIN}, {"dataset": other})
        expected = [{"tags": TRAIN, "dataset": whole}, {"dataset": other}]
        assert run_of(api, run_id)["inputs"] == {"dataset_inputs": expected}
        [found] = api.post("/runs/search", experiment_ids=["0"])["runs"]
        assert found["inputs"] == {"dataset_inputs": expected}

    def test_the_first_time_counts(self, api: Api) -> None:
        """What has the name and the digest of a data set is that data set."""
        run_id, second = api.create_run(), api.create_run()
        changed = {**DATASET, "source": "elsewhere"}
        once = {"dataset": DATASET, "tags": TRAIN}
        log(api, run_id, once, {"dataset": changed})
        log(api, run_id, {"dataset": changed, "tags": [{"key": "a", "value": "b"}]})
        assert run_of(api, run_id)["inputs"] == {"dataset_inputs": [{**once, "dataset": DATASET}]}
        log(api, second, {"dataset": changed})
        assert run_of(api, second)["inputs"] == {"dataset_inputs": [{"dataset": DATASET}]}

    def test_another_experiment_has_its_own(self, api: Api) -> None:
        other = api.post("/experiments/create", name="other")["experiment_id"]
        made = api.post("/runs/create", experiment_id=other)["run"]["info"]["run_id"]
        changed = {**DATASET, "source": "elsewhere"}
        log(api, api.create_run(), {"dataset": DATASET})
        log(api, made, {"dataset": changed})
        assert run_of(api, made)["inputs"] == {"dataset_inputs": [{"dataset": changed}]}

    def test_filters(self, api: Api) -> None:
        runs = {name: api.create_run(run_name=name) for name in ("a", "b", "none")}
        log(api, runs["a"], {"dataset": DATASET, "tags": TRAIN})
        log(api, runs["b"], {"dataset": {**DATASET, "name": "Letters", "digest": "d2"}})
        for text, expected in (
            ("datasets.name = 'digits'", ["a"]),
            ("dataset.name ILIKE 'l%'", ["b"]),
            ("datasets.digest IN ('d1', 'd2')", ["a", "b"]),
            ("datasets.name != 'digits'", ["b"]),
            ("datasets.context = 'train'", ["a"]),
            ("datasets.context NOT IN ('test') AND datasets.name LIKE 'd%'", ["a"]),
            ("datasets.name IS NULL", ["none"]),
        ):
            found = api.post(
                "/runs/search", experiment_ids=["0"], filter=text, order_by=["run_name ASC"]
            )
            assert [run["info"]["run_name"] for run in found["runs"]] == expected, text

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ({"filter": "datasets.source = 'x'"}, "Invalid dataset key 'source' specified"),
            ({"filter": "datasets.name = 1"}, "Expected a quoted string value for dataset"),
            ({"filter": "datasets.name > 'a'"}, "Invalid comparator '>'"),
            ({"order_by": ["datasets.name"]}, "nothing is sorted by it"),
        ],
    )
    def test_what_is_wrong_in_a_filter_is_named(
        self, on_folder: Api, query: Json, message: str
    ) -> None:
        status, body = on_folder.refused("POST", "/runs/search", experiment_ids=["0"], **query)
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in body["message"]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"datasets": [{}]}, "Missing value for required parameter 'datasets[0].dataset'."),
            ({"datasets": [{"dataset": {**DATASET, "name": ""}}]}, "datasets[0].dataset.name"),
            (
                {"datasets": [{"dataset": {**DATASET, "name": "n" * 501}}]},
                "'datasets[0].dataset.name' exceeds the maximum length of 500",
            ),
            (
                {"datasets": [{"dataset": {**DATASET, "digest": "n" * 37}}]},
                "'datasets[0].dataset.digest' exceeds the maximum length of 36",
            ),
            (
                {"datasets": [{"dataset": {**DATASET, "source": "n" * 65536}}]},
                "'datasets[0].dataset.source' exceeds the maximum length of 65535",
            ),
            (
                {"datasets": [{"dataset": {**DATASET, "schema": "n" * 1048576}}]},
                "'datasets[0].dataset.schema' exceeds the maximum length of 1048575",
            ),
            (
                {"datasets": [{"dataset": DATASET, "tags": [{"key": "a", "value": "v" * 501}]}]},
                "'datasets[0].tags[0].value' exceeds the maximum length of 500",
            ),
            ({"datasets": [{"dataset": DATASET}] * 1001}, "at most 1000 datasets"),
            ({"models": [{}]}, "required parameter 'models[0].model_id'"),
        ],
    )
    def test_what_is_wrong_is_named(self, on_folder: Api, body: Json, message: str) -> None:
        run_id = on_folder.create_run()
        status, refusal = on_folder.refused("POST", "/runs/log-inputs", run_id=run_id, **body)
        assert (status, refusal["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in refusal["message"]
        assert run_of(on_folder, run_id)["inputs"] == {}

    def test_a_deleted_run_is_not_written(self, api: Api) -> None:
        run_id = api.create_run()
        api.post("/runs/delete", run_id=run_id)
        for path, body in (
            ("log-inputs", {"datasets": [{"dataset": DATASET}]}),
            ("outputs", {"models": [{"model_id": model_id(api)}]}),
            ("log-model", {"model_json": json.dumps(MODEL)}),
        ):
            status, refusal = api.refused("POST", f"/runs/{path}", run_id=run_id, **body)
            assert status == 400
            assert "must be in the 'active' state" in refusal["message"]


def test_a_page_of_runs_costs_the_same_however_many_have_inputs(api: Api, db: Database) -> None:
    def statements() -> int:
        counted: list[str] = []

        def count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
            counted.append(statement)

        event.listen(db.engine, "before_cursor_execute", count)
        api.post("/runs/search", experiment_ids=["0"])
        event.remove(db.engine, "before_cursor_execute", count)
        return sum("SELECT" in each for each in counted)

    counts = []
    for number in range(3):
        run_id = api.create_run()
        log(api, run_id, {"dataset": {**DATASET, "name": f"d{number}"}, "tags": TRAIN})
        api.post("/runs/outputs", run_id=run_id, models=[{"model_id": model_id(api)}])
        counts.append(statements())
    assert counts == [counts[0]] * 3
    assert counts[0] <= 8


class TestModels:
    def test_what_a_run_has_read_and_made(self, api: Api) -> None:
        run_id, read, made = api.create_run(), model_id(api), model_id(api)
        for _ in range(2):  # told twice is told once
            api.post("/runs/log-inputs", run_id=run_id, models=[{"model_id": read}])
            for step in ("3", 1):
                models = [{"model_id": made, "step": step}]
                assert api.post("/runs/outputs", run_id=run_id, models=models) == {}
        outputs = [{"model_id": made, "step": 3}, {"model_id": made, "step": 1}]
        run = run_of(api, run_id)
        assert run["inputs"] == {"model_inputs": [{"model_id": read}]}
        assert run["outputs"] == {"model_outputs": outputs}
        [found] = api.post("/runs/search", experiment_ids=["0"])["runs"]
        assert (found["inputs"], found["outputs"]) == (run["inputs"], run["outputs"])

    @pytest.mark.parametrize(
        ("body", "status", "message"),
        [
            ({}, 400, "Missing value for required parameter 'models'."),
            ({"models": [{"step": 1}]}, 400, "required parameter 'models[0].model_id'"),
            ({"models": [{"model_id": "m-0"}]}, 404, "Logged model with ID 'm-0' not found."),
            ({"models": [{"model_id": "m-0", "step": 2**63}]}, 400, "models[0].step"),
        ],
    )
    def test_what_is_wrong_is_named(
        self, on_folder: Api, body: Json, status: int, message: str
    ) -> None:
        run_id = on_folder.create_run()
        found, refusal = on_folder.refused("POST", "/runs/outputs", run_id=run_id, **body)
        assert found == status
        assert message in refusal["message"]
        assert "outputs" not in run_of(on_folder, run_id)


MODEL = {
    "artifact_path": "model",
    "flavors": {"sklearn": {"version": "1", "config": {"a": 1}}, "python_function": {}},
    "utc_time_created": "2026-01-01",
    "run_id": "r",
    "signature": "left out",
}


class TestLogModel:
    def test_each_is_an_entry_in_the_tag(self, api: Api) -> None:
        run_id = api.create_run()
        for path in ("one", "two"):
            model = json.dumps({**MODEL, "artifact_path": path, "model_uuid": "u"})
            assert api.post("/runs/log-model", run_id=run_id, model_json=model) == {}
        tags = {tag["key"]: tag["value"] for tag in run_of(api, run_id)["data"]["tags"]}
        flavors = {"sklearn": {"version": "1"}, "python_function": {}}
        assert json.loads(tags["mlflow.log-model.history"]) == [
            {
                "run_id": "r",
                "utc_time_created": "2026-01-01",
                "artifact_path": path,
                "model_uuid": "u",
                "flavors": flavors,
            }
            for path in ("one", "two")
        ]

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            ("", "Missing value for required parameter 'model_json'."),
            ("{", "is not a valid JSON object"),
            ("[1]", "is not a valid JSON object"),
            ("{}", "missing mandatory fields: ['artifact_path', 'flavors', 'utc_time_created'"),
            (json.dumps({**MODEL, "flavors": []}), "missing mandatory fields: ['flavors']"),
        ],
    )
    def test_what_is_wrong_is_named(self, on_folder: Api, model: str, message: str) -> None:
        run_id = on_folder.create_run()
        status, body = on_folder.refused("POST", "/runs/log-model", run_id=run_id, model_json=model)
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in body["message"]

    def test_a_tag_that_is_no_history_is_not_overwritten(self, api: Api) -> None:
        run_id = api.create_run()
        api.post("/runs/set-tag", run_id=run_id, key="mlflow.log-model.history", value="mine")
        status, body = api.refused(
            "POST", "/runs/log-model", run_id=run_id, model_json=json.dumps(MODEL)
        )
        assert status == 400
        assert "is no JSON list" in body["message"]


class TestSearchDatasets:
    PATH = "/ajax-api/2.0/mlflow/experiments/search-datasets"

    def test_each_once_for_each_use(self, api: Api) -> None:
        for _ in range(2):
            log(api, api.create_run(), {"dataset": DATASET, "tags": TRAIN})
        log(api, api.create_run(), {"dataset": DATASET})
        summary = {"experiment_id": "0", "name": "digits", "digest": "d1"}
        found = api.post(self.PATH, experiment_ids=["0", "77"])["dataset_summaries"]
        assert sorted(found, key=len) == [summary, {**summary, "context": "train"}]
        other = api.post("/experiments/create", name="other")["experiment_id"]
        assert api.post(self.PATH, experiment_ids=[other]) == {}

    @pytest.mark.parametrize("ids", [[], ["1"] * 21])
    def test_too_many_or_none(self, on_folder: Api, ids: list[str]) -> None:
        status, body = on_folder.refused("POST", self.PATH, experiment_ids=ids)
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert "it must hold 1 to 20 experiment ids" in body["message"]
