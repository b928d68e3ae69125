"""/registered-models/… as it goes over the wire."""

from __future__ import annotations

from typing import Any

import pytest

from ...api import Api, Json

MODELS = "/registered-models"


@pytest.fixture(autouse=True)
def model(rest: Api) -> Json:
    made: Json = rest.post(f"{MODELS}/create", name="digits")["registered_model"]
    return made


def change(rest: Api, method: str, path: str, **body: Any) -> Json:
    answer = rest.http.open(f"/api/2.0/mlflow{path}", method=method, json=body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: Json = answer.get_json()
    return found


def add_version(rest: Api, name: str = "digits") -> Json:
    source = f"runs:/{rest.create_run()}/model"
    made: Json = rest.post("/model-versions/create", name=name, source=source)["model_version"]
    return made


def test_what_is_not_set_is_not_said(model: Json) -> None:
    assert set(model) == {"name", "creation_timestamp", "last_updated_timestamp", "user_id"}
    assert model["creation_timestamp"] == model["last_updated_timestamp"] > 0


def test_all_there_is_to_say(rest: Api) -> None:
    change(rest, "PATCH", f"{MODELS}/update", name="digits", description="Reads digits.")
    rest.post(f"{MODELS}/set-tag", name="digits", key="team", value="vision")
    version = add_version(rest)
    rest.post(f"{MODELS}/alias", name="digits", alias="champion", version="1")
    found = rest.get(f"{MODELS}/get", name="digits")["registered_model"]
    assert found["description"] == "Reads digits."
    assert found["tags"] == [{"key": "team", "value": "vision"}]
    assert found["aliases"] == [{"alias": "champion", "version": "1"}]
    assert found["latest_versions"] == [version | {"aliases": ["champion"]}]
    assert rest.get(f"{MODELS}/search") == {"registered_models": [found]}
    assert (
        change(rest, "PATCH", f"{MODELS}/update", name="digits")
        .get("registered_model", {})
        .get("description")
        is None
    )


def test_who_made_it_is_who_asks(model: Json, rest: Api) -> None:
    assert model["user_id"] == "local"
    assert add_version(rest)["user_id"] == "local"


def test_the_duplicate_that_clients_rely_on(rest: Api) -> None:
    status, body = rest.refused("POST", f"{MODELS}/create", name="digits")
    assert (status, body["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")
    assert body["message"] == "Registered Model (name=digits) already exists."


def test_rename_and_delete(rest: Api) -> None:
    answer = rest.post(f"{MODELS}/rename", name="digits", new_name="numerals")
    assert answer["registered_model"]["name"] == "numerals"
    assert change(rest, "DELETE", f"{MODELS}/delete", name="numerals") == {}
    for name in ("digits", "numerals"):
        status, body = rest.refused("GET", f"{MODELS}/get", name=name)
        assert (status, body["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_latest_versions_by_get_and_by_post(rest: Api) -> None:
    for _ in range(3):
        add_version(rest)
    rest.post("/model-versions/transition-stage", name="digits", version="1", stage="staging")
    path = f"{MODELS}/get-latest-versions"

    def numbers(answer: Json) -> dict[str, str]:
        return {each["current_stage"]: each["version"] for each in answer["model_versions"]}

    both = {"Staging": "1", "None": "3"}
    assert numbers(rest.post(path, name="digits")) == both
    assert numbers(rest.get(path, name="digits")) == both
    assert numbers(rest.get(path, name="digits", stages=["None", "Archived"])) == {"None": "3"}
    assert rest.post(path, name="digits", stages=["Production"]) == {}
    status, body = rest.refused("POST", path, name="digits", stages=["foo"])
    assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_aliases(rest: Api) -> None:
    add_version(rest)
    rest.post(f"{MODELS}/alias", name="digits", alias="champion", version="1")
    found = rest.get(f"{MODELS}/alias", name="digits", alias="champion")["model_version"]
    assert (found["version"], found["aliases"]) == ("1", ["champion"])
    for _ in range(2):
        assert change(rest, "DELETE", f"{MODELS}/alias", name="digits", alias="champion") == {}
    status, body = rest.refused("GET", f"{MODELS}/alias", name="digits", alias="champion")
    assert (status, body) == (
        400,
        {
            "error_code": "INVALID_PARAMETER_VALUE",
            "message": "Registered model alias champion not found.",
        },
    )


def test_pages_and_their_tokens(rest: Api) -> None:
    for name in "abc":
        rest.post(f"{MODELS}/create", name=name)
    first = rest.get(f"{MODELS}/search", max_results=3, order_by=["name DESC"])
    assert [each["name"] for each in first["registered_models"]] == ["digits", "c", "b"]
    token = first["next_page_token"]
    last = rest.get(f"{MODELS}/search", max_results=3, order_by=["name DESC"], page_token=token)
    assert [each["name"] for each in last["registered_models"]] == ["a"]
    assert "next_page_token" not in last
    status, body = rest.refused("GET", f"{MODELS}/search", max_results=3, page_token=token)
    assert status == 400
    assert body["message"].startswith("Invalid page token")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "create", {}, "name"),
        ("POST", "create", {"name": 1}, "name"),
        ("POST", "create", {"name": "x", "tags": {}}, "tags"),
        ("POST", "create", {"name": "x", "tags": [{"value": "v"}]}, "tags[0].key"),
        ("POST", "rename", {"name": "digits"}, "new_name"),
        ("PATCH", "update", {"name": "digits", "description": 1}, "description"),
        ("POST", "set-tag", {"name": "digits", "value": "v"}, "key"),
        ("DELETE", "delete-tag", {"name": "digits"}, "key"),
        ("POST", "alias", {"name": "digits", "alias": "a"}, "version"),
        ("GET", "search", {"max_results": "many"}, "max_results"),
        ("GET", "get", {"name": ""}, "name"),
    ],
)
def test_a_wrong_request_names_the_field(
    rest: Api, method: str, path: str, body: Json, field: str
) -> None:
    status, answer = rest.refused(method, f"{MODELS}/{path}", **body)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert f"'{field}'" in answer["message"]
