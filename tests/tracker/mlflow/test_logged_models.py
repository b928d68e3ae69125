"""/mlflow/logged-models…: the exact JSON of answers and refusals."""

from __future__ import annotations

import base64
import hashlib
import re
import urllib.request
from typing import Any

import pytest

from ...api import Api, Json

PATH = "/api/2.0/mlflow/logged-models"
TIMES = ("creation_timestamp_ms", "last_updated_timestamp_ms")


def ask(api: Api, method: str, path: str, **body: Any) -> Json:
    response = api.http.open(f"{PATH}{path}", method=method, json=body)
    assert response.status_code == 200, response.get_data(as_text=True)
    found = response.get_json()
    assert isinstance(found, dict)
    return found


def create(api: Api, **body: Any) -> Json:
    model = api.post("/logged-models", **{"experiment_id": "0", **body})["model"]
    assert isinstance(model, dict)
    return model


def model_id(api: Api, **body: Any) -> str:
    return str(create(api, **body)["info"]["model_id"])


def get(api: Api, model: str) -> Json:
    found = api.get(f"/logged-models/{model}")["model"]
    assert isinstance(found, dict)
    return found


def test_from_its_creation_to_its_end(api: Api) -> None:
    run_id = api.create_run()
    made = create(
        api,
        name="m",
        model_type="agent",
        source_run_id=run_id,
        params=[{"key": "lr", "value": "0.1"}],
        tags=[{"key": "team", "value": "vision"}, {"key": "empty", "value": ""}],
    )
    found = made["info"]["model_id"]
    assert re.fullmatch("m-[0-9a-f]{32}", found)
    times = [made["info"].pop(each) for each in TIMES]
    assert times[0] == times[1]
    info = {
        "model_id": found,
        "experiment_id": "0",
        "name": "m",
        "artifact_uri": f"mlflow-artifacts:/0/models/{found}/artifacts",
        "status": "LOGGED_MODEL_PENDING",
        "model_type": "agent",
        "source_run_id": run_id,
        "tags": [{"key": "empty", "value": ""}, {"key": "team", "value": "vision"}],
    }
    assert made == {"info": info, "data": {"params": [{"key": "lr", "value": "0.1"}]}}

    for status in ("LOGGED_MODEL_UPLOAD_FAILED", 2):
        answer = ask(api, "PATCH", f"/{found}", model_id=found, status=status)["model"]
        assert answer == get(api, found)
        assert answer["info"]["last_updated_timestamp_ms"] >= times[0]
    assert answer["info"]["status"] == "LOGGED_MODEL_READY"

    for _ in range(2):
        assert ask(api, "DELETE", f"/{found}", model_id=found) == {}
    missing = {
        "error_code": "RESOURCE_DOES_NOT_EXIST",
        "message": f"Logged model with ID '{found}' not found.",
    }
    assert api.refused("GET", f"/logged-models/{found}") == (404, missing)
    assert api.refused("GET", f"/logged-models/{found}/artifacts/directories") == (404, missing)
    assert api.post("/logged-models/search", experiment_ids=["0"]) == {}
    kept = api.get(f"/logged-models/{found}", allow_deleted="true")["model"]
    assert kept["info"]["status"] == "LOGGED_MODEL_READY"


def test_one_that_was_given_nothing_has_a_name(api: Api) -> None:
    for name in ({}, {"name": ""}):
        made = create(api, **name)
        assert re.fullmatch(r"[a-z]+-[a-z]+-\d{3}", made["info"]["name"])
        assert made["data"] == {}
        assert {"model_type", "source_run_id", "tags"}.isdisjoint(made["info"])


def test_params_never_change(api: Api) -> None:
    model = model_id(api, params=[{"key": "a", "value": "1"}])
    params = [{"key": "a", "value": "1"}, {"key": "b", "value": "2" * 7000}]
    for _ in range(2):
        assert ask(api, "POST", f"/{model}/params", params=params) == {}
    assert get(api, model)["data"]["params"] == params
    params = [{"key": "new", "value": "1"}, {"key": "a", "value": "2"}]
    status, body = api.refused("POST", f"/logged-models/{model}/params", params=params)
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert body["message"].startswith("Changing param values is not allowed. Param with key='a'")
    assert len(get(api, model)["data"]["params"]) == 2


def test_tags(api: Api) -> None:
    model = model_id(api, tags=[{"key": "a", "value": "1"}])
    tags = [{"key": "a", "value": "2"}, {"key": "b/c d", "value": ""}, {"key": "b/c d"}]
    assert ask(api, "PATCH", f"/{model}/tags", tags=tags) == {}
    assert ask(api, "DELETE", f"/{model}/tags/b/c%20d") == {}
    assert get(api, model)["info"]["tags"] == [{"key": "a", "value": "2"}]
    assert api.refused("DELETE", f"/logged-models/{model}/tags/b") == (
        404,
        {
            "error_code": "RESOURCE_DOES_NOT_EXIST",
            "message": f"No tag with key 'b' found for model with ID '{model}'.",
        },
    )


class TestMetrics:
    def test_a_point_is_the_runs_and_the_models(self, api: Api) -> None:
        run_id, model = api.create_run(), model_id(api)
        measured = {"model_id": model, "dataset_name": "test", "dataset_digest": "abc"}
        api.post("/runs/log-metric", run_id=run_id, key="acc", value="NaN", timestamp=5, **measured)
        batch = [
            {"key": "acc", "value": 0.5, "timestamp": 6, "step": 1, "model_id": model},
            {"key": "acc", "value": 1, "timestamp": 6, "step": 1, **measured},
            {"key": "other", "value": 2.0, "timestamp": 7, "model_id": None},
        ]
        for _ in range(2):
            api.post("/runs/log-batch", run_id=run_id, metrics=batch)
        of_model = {"key": "acc", "model_id": model, "run_id": run_id}
        on_test = {"dataset_name": "test", "dataset_digest": "abc"}
        assert get(api, model)["data"]["metrics"] == [
            {**of_model, "value": "NaN", "timestamp": 5, "step": 0, **on_test},
            {**of_model, "value": 0.5, "timestamp": 6, "step": 1},
            {**of_model, "value": 1.0, "timestamp": 6, "step": 1, **on_test},
        ]
        metrics = api.get("/runs/get", run_id=run_id)["run"]["data"]["metrics"]
        assert {each["key"]: each["value"] for each in metrics} == {"acc": 1.0, "other": 2.0}

    def test_a_point_told_again_has_the_last_value(self, api: Api) -> None:
        run_id, model = api.create_run(), model_id(api)
        point = {"key": "acc", "timestamp": 5, "model_id": model}
        for values in ([1.0, 2.0], [3.0]):
            metrics = [{**point, "value": value} for value in values]
            api.post("/runs/log-batch", run_id=run_id, metrics=metrics)
        assert [each["value"] for each in get(api, model)["data"]["metrics"]] == [3.0]

    @pytest.mark.parametrize(
        ("point", "status", "message"),
        [
            ({"model_id": "m-none"}, 404, "Logged model with ID 'm-none' not found."),
            ({"dataset_name": "d" * 501}, 400, "'metrics[0].dataset_name' exceeds the maximum"),
            ({"dataset_digest": "d" * 37}, 400, "'metrics[0].dataset_digest' exceeds the maximum"),
            ({"dataset_name": "a\0"}, 400, "dataset_name' supplied: the character U+0000"),
            ({"model_id": 1}, 400, "model_id' supplied: Hint: Value was of type 'int'"),
        ],
    )
    def test_what_is_wrong_is_named_and_nothing_is_stored(
        self, api: Api, point: Json, status: int, message: str
    ) -> None:
        run_id = api.create_run()
        point = {"key": "acc", "value": 1, "timestamp": 5, "model_id": model_id(api), **point}
        for path, body in (("log-metric", point), ("log-batch", {"metrics": [point]})):
            found, refusal = api.refused("POST", f"/runs/{path}", run_id=run_id, **body)
            assert found == status
            assert message in refusal["message"]
        assert "metrics" not in api.get("/runs/get", run_id=run_id)["run"]["data"]


class TestSearch:
    def names(self, api: Api, **query: Any) -> list[str]:
        found = api.post("/logged-models/search", **{"experiment_ids": ["0"], **query})
        return [model["info"]["name"] for model in found.get("models", [])]

    def test_filters_orders_and_data_sets(self, api: Api) -> None:
        run_id = api.create_run()
        for number, name in enumerate(("a", "b", "c")):
            model = model_id(
                api,
                name=name,
                source_run_id=run_id if number else None,
                params=[{"key": "depth", "value": str(number)}],
                tags=[{"key": "odd.tag", "value": name}],
            )
            for dataset, value in (("train", number), ("test", 2 - number)):
                api.post(
                    "/runs/log-metric",
                    run_id=run_id,
                    key="acc",
                    value=value,
                    timestamp=10 + value,
                    model_id=model,
                    dataset_name=dataset,
                    dataset_digest="1",
                )
        other = api.post("/experiments/create", name="other")["experiment_id"]
        create(api, experiment_id=other, name="elsewhere")
        by_name = [{"field_name": "name"}]
        for filter_text, expected in (
            ("name = 'b'", ["b"]),
            ("metrics.acc >= 2", ["a", "c"]),
            ("metrics.acc = 1 AND params.depth = '1'", ["b"]),
            ("tags.`odd.tag` IN ('a', 'b') OR name = 'c'", ["a", "b", "c"]),
            (f"source_run_id = '{run_id}' AND status != 'READY'", ["b", "c"]),
            ("creation_timestamp > 0 AND attributes.name LIKE '%a'", ["a"]),
        ):
            assert self.names(api, filter=filter_text, order_by=by_name) == expected, filter_text
        test = {"dataset_name": "test", "dataset_digest": "1"}
        assert self.names(api, filter="metrics.acc > 1", datasets=[test]) == ["a"]
        assert self.names(api, datasets=[{"dataset_name": "none"}]) == []
        assert self.names(api, datasets=[{**test, "dataset_digest": "2"}]) == []
        ascending = {"field_name": "metrics.acc", "ascending": True, **test}
        assert self.names(api, order_by=[ascending]) == ["c", "b", "a"]
        assert self.names(api, order_by=[{**ascending, "ascending": False}]) == ["a", "b", "c"]
        assert self.names(api, experiment_ids=["0", other, "77"], filter="name ILIKE 'E%'") == [
            "elsewhere"
        ]

    def test_pages(self, api: Api) -> None:
        for number in range(5):
            create(api, name=f"m{number}")
        query = {"max_results": 2, "order_by": [{"field_name": "name", "ascending": False}]}
        found, token = [], None
        for _ in range(3):
            page = api.post(
                "/logged-models/search", experiment_ids=["0"], page_token=token, **query
            )
            found += [model["info"]["name"] for model in page["models"]]
            token = page.get("next_page_token", token)
        assert found == ["m4", "m3", "m2", "m1", "m0"]
        for changed in (
            {"filter": "name != 'x'"},
            {"order_by": [{"field_name": "name"}]},
            {"experiment_ids": ["0", "1"]},
            {"datasets": [{"dataset_name": "d"}]},
        ):
            status, body = api.refused(
                "POST",
                "/logged-models/search",
                **{"experiment_ids": ["0"], "page_token": token, **query, **changed},
            )
            assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
            assert "Invalid page token" in body["message"]

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ({"experiment_ids": None}, "Missing value for required parameter 'experiment_ids'"),
            ({"experiment_ids": ["x"]}, "Invalid experiment ID 'x'"),
            ({"max_results": -1}, "Invalid value -1 for parameter 'max_results'"),
            ({"filter": "metrics.a > 'x'"}, "Expected numeric value type for metric"),
            ({"filter": "run_id = 'x'"}, "Invalid attribute key 'run_id' specified"),
            ({"datasets": [{}]}, "required parameter 'datasets[0].dataset_name'"),
            ({"datasets": [{"dataset_name": "a"}] * 101}, "the limit is 100"),
            ({"order_by": [{}]}, "required parameter 'order_by[0].field_name'"),
            ({"order_by": [{"field_name": "nope"}]}, "Invalid attribute key 'nope'"),
            ({"order_by": [{"field_name": "params.a"}]}, "Only metrics are supported"),
            ({"order_by": [{"field_name": "metrics.`a"}]}, "order_by.field_name"),
            (
                {"order_by": [{"field_name": "metrics.a", "dataset_digest": "1"}]},
                "'dataset_digest' can only be specified if 'dataset_name' is also specified",
            ),
            (
                {"order_by": [{"field_name": "name", "dataset_name": "a"}]},
                "Invalid order by field name: name",
            ),
        ],
    )
    def test_what_is_wrong_is_named(self, on_folder: Api, query: Json, message: str) -> None:
        status, body = on_folder.refused(
            "POST", "/logged-models/search", **{"experiment_ids": ["0"], **query}
        )
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert message in body["message"]


@pytest.mark.parametrize(
    ("call", "body", "status", "message"),
    [
        ("POST ", {}, 400, "Missing value for required parameter 'experiment_id'."),
        ("POST ", {"experiment_id": "77"}, 404, "No Experiment with id=77 exists"),
        ("POST ", {"experiment_id": "0", "name": "a/b"}, 400, "Invalid model name ('a/b')"),
        ("POST ", {"experiment_id": "0", "name": "n" * 501}, 400, "'name' exceeds"),
        ("POST ", {"experiment_id": "0", "source_run_id": "r" * 33}, 400, "'source_run_id'"),
        (
            "POST ",
            {"experiment_id": "0", "params": [{"key": "a", "value": v} for v in "12"]},
            400,
            "Duplicate parameter keys have been submitted: 'a'",
        ),
        ("POST ", {"experiment_id": "0", "tags": [{"key": "k" * 256}]}, 400, "'tags[0].key'"),
        ("POST /m-0/params", {"params": [{"key": "a", "value": "b"}]}, 404, "'m-0' not found"),
        ("PATCH /m-0/tags", {"tags": [{"key": "a"}]}, 404, "'m-0' not found"),
        ("PATCH /m-0", {}, 400, "Missing value for required parameter 'status'."),
        ("PATCH /m-0", {"status": "DONE"}, 400, "Valid values are LOGGED_MODEL_PENDING"),
        ("PATCH /m-0", {"status": 2, "model_id": "m-1"}, 400, "'model_id' is another one"),
        ("PATCH /m-0", {"status": 2}, 404, "Logged model with ID 'm-0' not found."),
        ("DELETE /m-0", {}, 404, "Logged model with ID 'm-0' not found."),
        ("DELETE /m-0%00", {}, 400, "'model_id'"),
    ],
)
def test_what_is_wrong_is_named(
    on_folder: Api, call: str, body: Json, status: int, message: str
) -> None:
    method, path = call.split(" ")
    found, refusal = on_folder.refused(method, f"/logged-models{path}", **body)
    assert found == status
    assert message in refusal["message"]


def test_no_model_in_a_deleted_experiment(api: Api) -> None:
    experiment_id = api.post("/experiments/create", name="gone")["experiment_id"]
    api.post("/experiments/delete", experiment_id=experiment_id)
    status, body = api.refused("POST", "/logged-models", experiment_id=experiment_id)
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "must be in the 'active' state" in body["message"]


def sign(api: Api, direction: str, asked: Json) -> Json:
    url = f"/api/2.0/mlflow/artifacts/presigned-{direction}-url"
    answer = api.http.post(url, json=asked).get_json()
    assert isinstance(answer, dict)
    return answer


class TestFiles:
    def test_through_the_server(self, on_folder: Api) -> None:
        model = model_id(on_folder)
        place = f"/api/2.0/mlflow-artifacts/artifacts/0/models/{model}/artifacts"
        assert on_folder.http.put(f"{place}/code/MLmodel", data=b"flavors").json == {}
        folder = f"/logged-models/{model}/artifacts/directories"
        uri = f"mlflow-artifacts:/0/models/{model}/artifacts"
        files = [{"path": "code", "is_dir": True}]
        assert on_folder.get(folder) == {"root_uri": uri, "files": files}
        files = [{"path": "code/MLmodel", "is_dir": False, "file_size": 7}]
        assert on_folder.get(folder, artifact_directory_path="code") == {
            "root_uri": uri,
            "files": files,
        }
        assert on_folder.get(folder, artifact_directory_path="no") == {"root_uri": uri}
        file = f"{PATH}/{model}/artifacts/files".replace("/api", "/ajax-api")
        with on_folder.http.get(file, query_string={"artifact_file_path": "code/MLmodel"}) as sent:
            assert (sent.status_code, sent.data) == (200, b"flavors")
            assert sent.headers["Content-Disposition"].startswith("attachment")
        for path in ("../../secret", "%2e%2e/x", "/etc/passwd"):
            assert on_folder.refused("GET", folder, artifact_directory_path=path)[0] == 400
            refused = on_folder.http.get(file, query_string={"artifact_file_path": path})
            assert refused.status_code == 400

    def test_around_it(self, on_s3: Api) -> None:
        model, body = model_id(on_s3), b"weights" * 1000
        named = {"model_id": model, "path": "weights.bin"}
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        asked = {**named, "content_length": len(body), "checksum_sha256": checksum}
        signed = sign(on_s3, "upload", asked)
        request = urllib.request.Request(
            signed["presigned_url"], data=body, headers=signed["headers"], method="PUT"
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200
        signed = sign(on_s3, "download", named)
        with urllib.request.urlopen(signed["presigned_url"], timeout=30) as answer:
            assert answer.read() == body
        for wrong in ({"path": "a"}, {**named, "run_id": on_s3.create_run()}):
            assert sign(on_s3, "download", wrong)["message"] == (
                "Exactly one of 'run_id' and 'model_id' must be provided."
            )
