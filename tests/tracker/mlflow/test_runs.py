"""/mlflow/runs/…: the exact JSON of answers and refusals."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ...api import Api, Json

CREATED = 1_700_000_000_000


def get(api: Api, run_id: str) -> Json:
    run = api.get("/runs/get", run_id=run_id)["run"]
    assert isinstance(run, dict)
    return run


def data(api: Api, run_id: str, kind: str) -> dict[str, Any]:
    """The params, the tags or the latest metrics of a run, without the name it was given."""
    found = {each["key"]: each["value"] for each in get(api, run_id)["data"].get(kind, [])}
    found.pop("mlflow.runName", None)
    return found


def test_it_works(api: Api) -> None:
    made = api.post(
        "/runs/create",
        experiment_id="0",
        user_id="ada",
        run_name="first",
        start_time=CREATED,
        tags=[{"key": "mlflow.user", "value": "ada"}],
    )["run"]
    run_id = made["info"]["run_id"]
    assert re.fullmatch("[0-9a-f]{32}", run_id)
    tags = [
        {"key": "mlflow.runName", "value": "first"},
        {"key": "mlflow.user", "value": "ada"},
    ]
    assert made == {
        "info": {
            "run_uuid": run_id,
            "run_id": run_id,
            "run_name": "first",
            "experiment_id": "0",
            "user_id": "ada",
            "status": "RUNNING",
            "start_time": CREATED,
            "artifact_uri": f"mlflow-artifacts:/0/{run_id}/artifacts",
            "lifecycle_stage": "active",
        },
        "data": {"tags": tags},
        "inputs": {},
    }
    assert api.get("/runs/get", run_id=run_id) == {"run": made}
    assert api.get("/runs/get", run_uuid=run_id) == {"run": made}

    batch = {
        "metrics": [
            {"key": "loss", "value": 0.5, "timestamp": CREATED + 1, "step": 0},
            {"key": "loss", "value": 0.25, "timestamp": CREATED + 2, "step": 1},
        ],
        "params": [{"key": "lr", "value": "0.1"}],
        "tags": [{"key": "team", "value": "vision"}],
    }
    assert api.post("/runs/log-batch", run_id=run_id, **batch) == {}
    assert get(api, run_id)["data"] == {
        "metrics": [{"key": "loss", "value": 0.25, "timestamp": CREATED + 2, "step": 1}],
        "params": [{"key": "lr", "value": "0.1"}],
        "tags": [*tags, {"key": "team", "value": "vision"}],
    }

    end = {"run_id": run_id, "status": "FINISHED", "end_time": CREATED + 3}
    assert api.post("/runs/update", **end) == {
        "run_info": {**made["info"], "status": "FINISHED", "end_time": CREATED + 3}
    }


def test_a_run_that_was_given_no_name_gets_one(api: Api) -> None:
    run = get(api, api.create_run())
    name = run["info"]["run_name"]
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d{3}", name)
    assert run["data"]["tags"] == [{"key": "mlflow.runName", "value": name}]


def test_the_name_and_its_tag_are_one(api: Api) -> None:
    run_id = api.create_run(run_name="first")
    api.post("/runs/set-tag", run_id=run_id, key="mlflow.runName", value="second")
    assert get(api, run_id)["info"]["run_name"] == "second"
    api.post("/runs/update", run_id=run_id, run_name="third")
    assert get(api, run_id)["data"]["tags"] == [{"key": "mlflow.runName", "value": "third"}]
    api.post("/runs/update", run_id=run_id, run_name="")
    assert get(api, run_id)["info"]["run_name"] == "third"


def test_a_client_may_choose_the_id_and_ask_again(api: Api) -> None:
    """A Podium extension: a lost response costs nothing."""
    asked = {"run_id": "ab" * 16, "experiment_name": "new", "run_name": "one", "start_time": 1}
    first = api.post("/runs/create", **asked)
    assert api.post("/runs/create", **asked) == first
    experiment = api.get("/experiments/get-by-name", experiment_name="new")["experiment"]
    assert first["run"]["info"]["experiment_id"] == experiment["experiment_id"]
    status, body = api.refused("POST", "/runs/create", run_id="ab" * 16, experiment_id="0")
    assert (status, body["error_code"]) == (409, "RESOURCE_CONFLICT")


def test_one_point_one_param_one_tag(api: Api) -> None:
    run_id = api.create_run()
    point = {"run_id": run_id, "key": "loss", "value": 1, "timestamp": CREATED}
    assert api.post("/runs/log-metric", **point) == {}
    assert api.post("/runs/log-metric", **point, step=-3) == {}
    assert api.post("/runs/log-parameter", run_id=run_id, key="empty", value="") == {}
    assert api.post("/runs/set-tag", run_id=run_id, key="note", value="kept") == {}
    assert api.post("/runs/set-tag", run_id=run_id, key="note", value="changed") == {}
    assert data(api, run_id, "metrics") == {"loss": 1.0}
    assert data(api, run_id, "params") == {"empty": ""}
    assert data(api, run_id, "tags") == {"note": "changed"}
    assert api.post("/runs/delete-tag", run_id=run_id, key="note") == {}
    assert data(api, run_id, "tags") == {}
    assert api.refused("POST", "/runs/delete-tag", run_id=run_id, key="note") == (
        404,
        {
            "error_code": "RESOURCE_DOES_NOT_EXIST",
            "message": f"No tag with name: note in run with id {run_id}",
        },
    )


def test_numbers_are_read_as_proto3_writes_them(api: Api) -> None:
    run_id = api.create_run()
    for key, value in {
        "nan": "NaN",
        "up": "Infinity",
        "down": "-Infinity",
        "text": "1.5e-3",
        "zero": -0.0,
        "large": 1.7976931348623157e308,
    }.items():
        api.post(
            "/runs/log-metric", runId=run_id, key=key, value=value, timestamp=str(CREATED), step="7"
        )
    assert data(api, run_id, "metrics") == {
        "nan": "NaN",
        "up": "Infinity",
        "down": "-Infinity",
        "text": 0.0015,
        "zero": 0.0,
        "large": 1.7976931348623157e308,
    }
    [point] = [each for each in get(api, run_id)["data"]["metrics"] if each["key"] == "nan"]
    assert point == {"key": "nan", "value": "NaN", "timestamp": CREATED, "step": 7}


def test_what_the_stock_client_also_sends_is_ignored(api: Api) -> None:
    run_id = api.create_run()
    api.post(
        "/runs/log-metric",
        run_uuid=run_id,
        run_id=run_id,
        key="loss",
        value=1.0,
        timestamp=CREATED,
        step=None,
        model_id="",
        dataset_name="d",
        dataset_digest="e",
        entity_type="run",
    )
    assert data(api, run_id, "metrics") == {"loss": 1.0}


def test_a_param_never_changes(api: Api) -> None:
    run_id = api.create_run()
    param = {"run_id": run_id, "key": "lr", "value": "1"}
    api.post("/runs/log-parameter", **param)
    assert api.post("/runs/log-parameter", **param) == {}
    assert api.refused("POST", "/runs/log-parameter", **{**param, "value": "2"}) == (
        400,
        {
            "error_code": "INVALID_PARAMETER_VALUE",
            "message": "Changing param values is not allowed. Param with key='lr' was already "
            f"logged with value='1' for run ID='{run_id}'. Attempted logging new value '2'.",
        },
    )


def test_a_refused_batch_leaves_nothing(api: Api) -> None:
    run_id = api.create_run()
    api.post("/runs/log-parameter", run_id=run_id, key="lr", value="1")
    metrics = [{"key": "loss", "value": 1, "timestamp": CREATED}]
    tags = [{"key": "note", "value": "x"}]
    for params, message in (
        ([{"key": "lr", "value": "2"}, {"key": "b", "value": "1"}], "Params were already logged"),
        ([{"key": "b", "value": "1"}, {"key": "b", "value": "1"}], "Duplicate parameter keys"),
    ):
        status, body = api.refused(
            "POST", "/runs/log-batch", run_id=run_id, metrics=metrics, params=params, tags=tags
        )
        assert status == 400
        assert message in body["message"]
    assert data(api, run_id, "metrics") == {}
    assert data(api, run_id, "params") == {"lr": "1"}
    assert data(api, run_id, "tags") == {}


@pytest.mark.parametrize(("kind", "count"), [("metrics", 1001), ("params", 101), ("tags", 101)])
def test_a_batch_has_limits(api: Api, kind: str, count: int) -> None:
    item = {"value": 1, "timestamp": 1} if kind == "metrics" else {"value": "1"}
    items = [{"key": f"k{number}", **item} for number in range(count)]
    status, body = api.refused("POST", "/runs/log-batch", run_id=api.create_run(), **{kind: items})
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert f"at most {count - 1} {kind}. Got {count} {kind}" in body["message"]


def test_long_values_are_cut_as_mlflow_does(api: Api) -> None:
    run_id = api.create_run()
    api.post("/runs/log-parameter", run_id=run_id, key="p", value="x" * 6001)
    api.post("/runs/set-tag", run_id=run_id, key="t", value="y" * 8001)
    assert data(api, run_id, "params") == {"p": "x" * 6000}
    assert data(api, run_id, "tags") == {"t": "y" * 8000}


def test_a_deleted_run_is_read_and_restored_but_not_written(api: Api) -> None:
    run_id = api.create_run()
    for _ in range(2):
        assert api.post("/runs/delete", run_id=run_id) == {}
    assert get(api, run_id)["info"]["lifecycle_stage"] == "deleted"
    status, body = api.refused("POST", "/runs/set-tag", run_id=run_id, key="a", value="b")
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert body["message"].startswith(f"The run {run_id} must be in the 'active' state")
    for _ in range(2):
        assert api.post("/runs/restore", run_id=run_id) == {}
    assert get(api, run_id)["info"]["lifecycle_stage"] == "active"


def test_no_run_begins_in_a_deleted_experiment(api: Api) -> None:
    experiment_id = api.post("/experiments/create", name="gone")["experiment_id"]
    api.post("/experiments/delete", experiment_id=experiment_id)
    status, body = api.refused("POST", "/runs/create", experiment_id=experiment_id)
    assert status == 400
    assert body["message"] == (
        f"The experiment {experiment_id} must be in the 'active' state. Current state is deleted."
    )


def test_search(api: Api) -> None:
    runs = {}
    for number in range(3):
        run_id = api.create_run(run_name=f"r{number}", start_time=CREATED + number)
        api.post("/runs/log-metric", run_id=run_id, key="acc", value=number / 2, timestamp=CREATED)
        runs[run_id] = f"r{number}"

    def names(**query: Any) -> list[str]:
        found = api.post("/runs/search", **{"experiment_ids": ["0"], **query})
        return [run["info"]["run_name"] for run in found.get("runs", [])]

    assert names() == ["r2", "r1", "r0"]
    assert names(filter="metrics.acc >= 0.5", order_by=["metrics.acc ASC"]) == ["r1", "r2"]
    assert names(experiment_ids=[]) == []
    assert names(experiment_ids=["77"]) == []
    api.post("/runs/delete", run_id=next(iter(runs)))
    assert names(run_view_type="DELETED_ONLY") == ["r0"]
    assert names(run_view_type="ALL", max_results=50) == ["r2", "r1", "r0"]
    assert api.post("/runs/search", experiment_ids=[]) == {}


def test_search_goes_on_with_the_token_until_there_is_none(api: Api) -> None:
    made = [api.create_run(start_time=CREATED + number) for number in range(5)]
    found, token = [], None
    for _ in range(3):
        page = api.post("/runs/search", experiment_ids=["0"], max_results=2, page_token=token)
        found += [run["info"]["run_id"] for run in page["runs"]]
        token = page.get("next_page_token")
    assert (found, token) == (made[::-1], None)


@pytest.mark.parametrize("path", ["/runs/update", "/runs/set-tag", "/runs/log-batch"])
def test_an_unknown_run_is_404(api: Api, path: str) -> None:
    run_id = "0" * 32
    status, body = api.refused("POST", path, run_id=run_id, key="a", value="b")
    assert (status, body["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert body["message"] == f"Run with id={run_id} not found"


POINT = {"key": "loss", "value": 1, "timestamp": CREATED}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("create", {"experiment_id": "abc"}, "Invalid experiment ID 'abc'"),
        ("create", {"run_id": "AB" * 16}, "for parameter 'run_id' supplied"),
        ("create", {"start_time": -1}, "Invalid value -1 for parameter 'start_time'"),
        ("create", {"start_time": 1.5}, "Invalid value 1.5 for parameter 'start_time'"),
        ("create", {"experiment_id": "0", "experiment_name": "a"}, "'experiment_name', not both"),
        ("create", {"tags": [{"key": "a/../b", "value": "c"}]}, "tags[0].key"),
        (
            "create",
            {"run_name": "a", "tags": [{"key": "mlflow.runName", "value": "b"}]},
            "Both 'run_name' argument and 'mlflow.runName' tag are specified",
        ),
        ("get", {}, "Missing value for required parameter 'run_id'."),
        ("update", {"status": "DONE"}, "Invalid value 'DONE' for parameter 'status'"),
        ("update", {"end_time": 2**63}, "for parameter 'end_time' supplied"),
        ("log-metric", {}, "Missing value for required parameter 'key'."),
        ("log-metric", {**POINT, "key": "a\nb"}, "parameter 'metrics[0].key'"),
        ("log-metric", {**POINT, "key": "k" * 251}, "'metrics[0].key' exceeds the maximum length"),
        ("log-metric", {**POINT, "value": True}, "Invalid value True for parameter 'value'"),
        ("log-metric", {**POINT, "value": "high"}, "Invalid value 'high' for parameter 'value'"),
        ("log-metric", {**POINT, "timestamp": -1}, "timestamp"),
        ("log-metric", {**POINT, "step": 2**63}, "for parameter 'step' supplied"),
        ("log-parameter", {"value": "1"}, "Missing value for required parameter 'key'."),
        ("log-parameter", {"key": "p", "value": 1}, "Invalid value 1 for parameter 'value'"),
        ("set-tag", {"key": "../up", "value": "1"}, "tags[0].key"),
        ("set-tag", {"key": "t", "value": "a\0b"}, "value"),
        ("log-batch", {"metrics": "loss"}, "parameter 'metrics' supplied: it must be an array"),
        (
            "log-batch",
            {"metrics": [{"key": "loss", "value": 1}]},
            "Missing value for required parameter 'metrics[0].timestamp'.",
        ),
        ("log-batch", {"metrics": [POINT, {**POINT, "key": ""}]}, "parameter 'metrics[1].key'"),
        ("log-batch", {"params": [{"key": "a", "value": {}}]}, "parameter 'params[0].value'"),
        ("search", {"experiment_ids": "0"}, "parameter 'experiment_ids'"),
        ("search", {"experiment_ids": [0]}, "parameter 'experiment_ids[0]'"),
        ("search", {"experiment_ids": [None]}, "parameter 'experiment_ids[0]'"),
        ("log-batch", {"tags": [None]}, "parameter 'tags[0]'"),
        ("set-tag", {"run_id": "a\0", "key": "a", "value": "b"}, "parameter 'run_id'"),
        ("search", {"max_results": 0}, "Invalid value 0 for parameter 'max_results'"),
        ("search", {"run_view_type": "SOME"}, "parameter 'run_view_type'"),
        ("search", {"filter": "loss >"}, "filter"),
        ("search", {"order_by": ["metrics.loss SIDEWAYS"]}, "order_by"),
    ],
)
def test_what_is_wrong_is_named(api: Api, path: str, body: Json, message: str) -> None:
    method = "GET" if path == "get" else "POST"
    if path not in ("create", "get", "search"):
        body = {"run_id": api.create_run(), **body}
    if path == "search":
        body = {"experiment_ids": ["0"], **body}
    status, refusal = api.refused(method, f"/runs/{path}", **body)
    assert (status, refusal["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert message in refusal["message"]
