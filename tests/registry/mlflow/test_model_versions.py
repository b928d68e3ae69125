"""/model-versions/… as it goes over the wire."""

from __future__ import annotations

import pytest

from ...api import Api, Json
from .test_registered_models import change

VERSIONS = "/model-versions"


@pytest.fixture
def run_id(rest: Api) -> str:
    rest.post("/registered-models/create", name="digits")
    return rest.create_run()


@pytest.fixture
def version(rest: Api, run_id: str) -> Json:
    made: Json = rest.post(
        f"{VERSIONS}/create", name="digits", source=f"runs:/{run_id}/model", run_id=run_id
    )["model_version"]
    return made


def test_what_is_said_of_a_version(rest: Api, version: Json, run_id: str) -> None:
    assert version["creation_timestamp"] == version["last_updated_timestamp"]
    assert {key: value for key, value in version.items() if "timestamp" not in key} == {
        "name": "digits",
        "version": "1",
        "user_id": "local",
        "current_stage": "None",
        "source": f"runs:/{run_id}/model",
        "storage_location": f"mlflow-artifacts:/0/{run_id}/artifacts/model",
        "run_id": run_id,
        "status": "READY",
    }
    assert rest.get(f"{VERSIONS}/get", name="digits", version="1") == {"model_version": version}
    uri = rest.get(f"{VERSIONS}/get-download-uri", name="digits", version="1")
    assert uri == {"artifact_uri": version["storage_location"]}


def test_update_tags_and_delete(rest: Api, version: Json) -> None:
    named = {"name": "digits", "version": version["version"]}
    rest.post(f"{VERSIONS}/set-tag", **named, key="a", value="")
    rest.post(f"{VERSIONS}/set-tag", **named, key="b", value="c")
    change(rest, "DELETE", f"{VERSIONS}/delete-tag", **named, key="b")
    change(rest, "DELETE", f"{VERSIONS}/delete-tag", **named, key="b")
    answer = change(rest, "PATCH", f"{VERSIONS}/update", **named, description="words")
    assert answer["model_version"]["description"] == "words"
    assert answer["model_version"]["tags"] == [{"key": "a", "value": ""}]
    assert change(rest, "DELETE", f"{VERSIONS}/delete", **named) == {}
    status, body = rest.refused("GET", f"{VERSIONS}/get", **named)
    assert (status, body["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert rest.get(f"{VERSIONS}/search") == {}


@pytest.mark.parametrize("flag", [True, "true"])
def test_transition_archives_the_holders(
    rest: Api, version: Json, run_id: str, flag: bool | str
) -> None:
    rest.post(f"{VERSIONS}/create", name="digits", source=f"runs:/{run_id}/model")
    for number in ("1", "2"):
        answer = rest.post(
            f"{VERSIONS}/transition-stage",
            name="digits",
            version=number,
            stage="PRODUCTION",
            archive_existing_versions=flag,
        )
        assert answer["model_version"]["current_stage"] == "Production"
    found = rest.get(f"{VERSIONS}/get", name="digits", version="1")["model_version"]
    assert found["current_stage"] == "Archived"
    assert version["current_stage"] == "None"


@pytest.mark.usefixtures("version")
def test_mistakes_of_transitions_are_400(rest: Api) -> None:
    for stage, archive, says in (
        ("foo", False, "Invalid Model Version stage: foo. Value must be one of None, Staging,"),
        ("Archived", True, "is not an Active stage"),
    ):
        status, body = rest.refused(
            "POST",
            f"{VERSIONS}/transition-stage",
            name="digits",
            version="1",
            stage=stage,
            archive_existing_versions=archive,
        )
        assert (status, body["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
        assert says in body["message"]


def test_search(rest: Api, version: Json, run_id: str) -> None:
    found = rest.get(f"{VERSIONS}/search", filter=f"run_id = '{run_id}'")
    assert found == {"model_versions": [version]}
    rest.post("/registered-models/alias", name="digits", alias="champion", version="1")
    [one] = rest.get(f"{VERSIONS}/search", filter="name = 'digits'")["model_versions"]
    assert one["aliases"] == ["champion"]
    status, body = rest.refused("GET", f"{VERSIONS}/search", max_results=200_001)
    assert status == 400
    assert "max_results" in body["message"]


@pytest.mark.usefixtures("version")
def test_a_file_of_a_version(rest: Api, run_id: str) -> None:
    place = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/model/MLmodel"
    assert rest.http.put(place, data=b"flavors: {}").status_code == 200
    asked = {"name": "digits", "version": "1", "path": "MLmodel"}
    with rest.http.get("/model-versions/get-artifact", query_string=asked) as answer:
        assert answer.get_data() == b"flavors: {}"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for path, status in (("nothing", 404), ("../MLmodel", 400), ("%2e%2e/x", 400), ("", 400)):
        answer = rest.http.get("/model-versions/get-artifact", query_string=asked | {"path": path})
        assert answer.status_code == status, path


def test_a_prompt_has_no_files(rest: Api) -> None:
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    rest.post("/registered-models/create", name="greeting", tags=tags)
    rest.post(f"{VERSIONS}/create", name="greeting", source="dummy-source", tags=tags)
    asked = {"name": "greeting", "version": "1", "path": "x"}
    answer = rest.http.get("/model-versions/get-artifact", query_string=asked)
    assert answer.status_code == 404
    assert "has no files" in answer.get_json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "create", {"name": "digits"}, "source"),
        ("POST", "create", {"name": "digits", "source": "/etc/passwd"}, "source"),
        ("GET", "get", {"name": "digits"}, "version"),
        ("GET", "get", {"name": "digits", "version": "one"}, "version"),
        ("POST", "transition-stage", {"name": "digits", "version": "1"}, "stage"),
        ("POST", "set-tag", {"name": "digits", "version": "1"}, "key"),
        ("GET", "get-download-uri", {"version": "1"}, "name"),
    ],
)
@pytest.mark.usefixtures("version")
def test_a_wrong_request_names_the_field(
    rest: Api, method: str, path: str, body: Json, field: str
) -> None:
    status, answer = rest.refused(method, f"{VERSIONS}/{path}", **body)
    assert (status, answer["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert field in answer["message"]
