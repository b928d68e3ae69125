"""/mlflow/experiments/…: the exact JSON of answers and refusals."""

from __future__ import annotations

import pytest

from ...api import Api, Json


def create(api: Api, name: str, **body: object) -> str:
    experiment_id = api.post("/experiments/create", name=name, **body)["experiment_id"]
    assert isinstance(experiment_id, str)
    return experiment_id


def get(api: Api, experiment_id: str) -> Json:
    found = api.get("/experiments/get", experiment_id=experiment_id)["experiment"]
    assert isinstance(found, dict)
    return found


def test_it_works(api: Api) -> None:
    experiment_id = create(api, "digits", tags=[{"key": "team", "value": "vision"}])
    found = get(api, experiment_id)
    created = found["creation_time"]
    assert found == {
        "experiment_id": experiment_id,
        "name": "digits",
        "artifact_location": f"mlflow-artifacts:/{experiment_id}",
        "lifecycle_stage": "active",
        "last_update_time": created,
        "creation_time": created,
        "tags": [{"key": "team", "value": "vision"}],
    }
    assert api.get("/experiments/get-by-name", experiment_name="digits") == {"experiment": found}


def test_the_default_experiment_is_there(api: Api) -> None:
    found = get(api, "0")
    assert (found["name"], found["lifecycle_stage"]) == ("Default", "active")
    assert "tags" not in found


def test_a_taken_name_is_refused_with_the_code_clients_wait_for(api: Api) -> None:
    api.post("/experiments/delete", experiment_id=create(api, "digits"))
    status, body = api.refused("POST", "/experiments/create", name="digits")
    assert (status, body["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")
    assert "Experiment(name=digits) already exists" in body["message"]


def test_an_own_artifact_location_stays_inside_the_store(api: Api) -> None:
    there = create(api, "elsewhere", artifact_location="mlflow-artifacts:/teams/vision")
    assert get(api, there)["artifact_location"] == "mlflow-artifacts:/teams/vision"
    for location in ("file:///etc", "s3://other/bucket", "mlflow-artifacts:/../x", "/etc"):
        status, body = api.refused(
            "POST", "/experiments/create", name="no", artifact_location=location
        )
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert "artifact_location" in body["message"]


def test_rename_delete_and_restore(api: Api) -> None:
    experiment_id = create(api, "digits")
    run_id = api.post("/runs/create", experiment_id=experiment_id)["run"]["info"]["run_id"]
    rename = {"experiment_id": experiment_id, "new_name": "letters"}
    assert api.post("/experiments/update", **rename) == {}
    assert get(api, experiment_id)["name"] == "letters"
    assert api.post("/experiments/delete", experiment_id=experiment_id) == {}
    assert get(api, experiment_id)["lifecycle_stage"] == "deleted"
    assert api.get("/runs/get", run_id=run_id)["run"]["info"]["lifecycle_stage"] == "deleted"
    # The stock client tells "deleted" from "absent" by what this call answers.
    by_name = api.get("/experiments/get-by-name", experiment_name="letters")["experiment"]
    assert by_name["lifecycle_stage"] == "deleted"
    assert api.refused("POST", "/experiments/delete", experiment_id=experiment_id)[0] == 404
    assert api.refused("POST", "/experiments/update", **rename)[0] == 400
    assert api.post("/experiments/restore", experiment_id=experiment_id) == {}
    assert api.get("/runs/get", run_id=run_id)["run"]["info"]["lifecycle_stage"] == "active"


def test_tags_are_set_replaced_and_deleted(api: Api) -> None:
    experiment_id = create(api, "digits")
    tag = {"experiment_id": experiment_id, "key": "note"}
    for value in ("first", "second", ""):
        assert api.post("/experiments/set-experiment-tag", **tag, value=value) == {}
        assert get(api, experiment_id)["tags"] == [{"key": "note", "value": value}]
    assert api.post("/experiments/delete-experiment-tag", **tag) == {}
    assert "tags" not in get(api, experiment_id)
    status, body = api.refused("POST", "/experiments/delete-experiment-tag", **tag)
    assert (status, body) == (
        404,
        {
            "error_code": "RESOURCE_DOES_NOT_EXIST",
            "message": f"No tag with name: note in experiment with id {experiment_id}",
        },
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_search(api: Api, method: str) -> None:
    made = [create(api, name) for name in ("a1", "a2", "b1")]
    api.post("/experiments/delete", experiment_id=made[1])
    call = api.get if method == "GET" else api.post

    def names(**query: object) -> list[str]:
        answer = call("/experiments/search", **{"max_results": 100, **query})
        return [each["name"] for each in answer.get("experiments", [])]

    assert names(order_by=["name ASC"]) == ["Default", "a1", "b1"]
    assert names(view_type="DELETED_ONLY") == ["a2"]
    assert names(view_type="ALL", filter="name LIKE 'a%'", order_by=["name DESC"]) == ["a2", "a1"]
    assert names(filter="name = 'nothing'") == []
    assert call("/experiments/search", max_results=5, filter="name = 'nothing'") == {}


def test_search_goes_on_with_the_token_until_there_is_none(api: Api) -> None:
    for number in range(5):
        create(api, f"e{number}")
    query = {"max_results": 2, "order_by": ["name"], "filter": "name LIKE 'e%'"}
    names, token = [], None
    for _ in range(3):
        page = api.post("/experiments/search", **query, page_token=token)
        names += [each["name"] for each in page["experiments"]]
        token = page.get("next_page_token")
    assert (names, token) == (["e0", "e1", "e2", "e3", "e4"], None)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("create", {}, "Missing value for required parameter 'name'."),
        ("create", {"name": ""}, "Missing value for required parameter 'name'."),
        ("create", {"name": " "}, "parameter 'name'"),
        ("create", {"name": 123}, "Invalid value 123 for parameter 'name' supplied: Hint: Value"),
        ("create", {"name": "x" * 501}, "'name' exceeds the maximum length of 500 characters"),
        ("create", {"name": "a\0b"}, "parameter 'name'"),
        ("create", {"name": "a", "tags": {}}, "parameter 'tags' supplied: it must be an array"),
        ("create", {"name": "a", "tags": ["b"]}, "parameter 'tags[0]'"),
        ("create", {"name": "a", "tags": [{"value": "b"}]}, "required parameter 'tags[0].key'"),
        ("create", {"name": "a", "tags": [{"key": "b", "value": 1}]}, "parameter 'tags[0].value'"),
        ("update", {"experiment_id": "0"}, "Missing value for required parameter 'new_name'."),
        ("update", {"new_name": "x"}, "Missing value for required parameter 'experiment_id'."),
        ("delete", {"experiment_id": "abc"}, "Invalid experiment ID 'abc'"),
        ("restore", {"experiment_id": "-1"}, "Invalid experiment ID '-1'"),
        ("set-experiment-tag", {"experiment_id": "0", "value": "v"}, "required parameter 'key'"),
        ("search", {}, "Invalid value 0 for parameter 'max_results'"),
        ("search", {"max_results": 50_001}, "parameter 'max_results'"),
        ("search", {"max_results": "many"}, "Invalid value 'many' for parameter 'max_results'"),
        ("search", {"max_results": 1, "view_type": "SOME"}, "parameter 'view_type'"),
        ("search", {"max_results": 1, "page_token": "x"}, "Invalid page token"),
        ("search", {"max_results": 1, "filter": "name = a"}, "not quoted"),
        ("search", {"max_results": 1, "order_by": "name"}, "parameter 'order_by'"),
    ],
)
def test_what_is_wrong_is_named(api: Api, path: str, body: Json, message: str) -> None:
    status, refusal = api.refused("POST", f"/experiments/{path}", **body)
    assert (status, refusal["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert message in refusal["message"]


@pytest.mark.parametrize("path", ["get", "get-by-name"])
def test_what_is_not_there_is_404(api: Api, path: str) -> None:
    name = "experiment_id" if path == "get" else "experiment_name"
    status, body = api.refused("GET", f"/experiments/{path}", **{name: "77"})
    assert (status, body["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "77" in body["message"]
