"""Where a source leads, and what is refused. The attacks are those known of MLflow's servers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from podium.client import entities
from podium.client.errors import BadRequest, NotFound
from podium.registry import aliases, registered, versions
from podium.registry.prompts import TAG
from podium.tracker import experiments, logged_models, runs
from podium.tracker.db import Database

OTHER = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def model(db: Database) -> None:
    registered.create_model(db, name="digits")


@pytest.fixture
def run_id(db: Database) -> str:
    return runs.create_run(db).run_id


def register(db: Database, source: str, **named: str | None) -> tuple[str, str, str | None]:
    made = versions.create_version(db, name="digits", source=source, **named)  # type: ignore[arg-type]
    return made.source, made.storage_location, made.run_id


def test_a_folder_of_a_run(db: Database, run_id: str) -> None:
    place = f"mlflow-artifacts:/0/{run_id}/artifacts"
    for source, location in (
        (f"runs:/{run_id}/model", f"{place}/model"),
        (f"runs:/{run_id}/deep/er/model/", f"{place}/deep/er/model"),
        (f"runs:/{run_id}/a b", f"{place}/a b"),
        (f"runs:/{run_id}/a%20b", f"{place}/a b"),
        (f"{place}/model", f"{place}/model"),
        (place, place),
    ):
        assert register(db, source, run_id=run_id) == (source, location, run_id)
    # The URI says it already.
    assert register(db, f"runs:/{run_id}/model", run_id="")[2] == run_id
    assert versions.download_uri(db, "digits", 1) == f"{place}/model"


def test_a_run_of_an_experiment_with_a_place_of_its_own(db: Database) -> None:
    made = experiments.create_experiment(
        db, name="own", artifact_location="mlflow-artifacts:/team/own place"
    )
    run_id = runs.create_run(db, experiment_id=made.experiment_id).run_id
    assert register(db, f"runs:/{run_id}/m")[1] == (
        f"mlflow-artifacts:/team/own place/{run_id}/artifacts/m"
    )


def test_another_version(db: Database, run_id: str) -> None:
    """A copy leads to the files themselves, so that it outlives what it was copied from."""
    register(db, f"runs:/{run_id}/model")
    versions.transition_version(db, "digits", 1, stage="Production")
    aliases.set_alias(db, "digits", "champion", 1)
    registered.create_model(db, name="copies")
    for source in ("models:/digits/1", "models:/digits/production", "models:/digits@champion"):
        copy = versions.create_version(db, name="copies", source=source)
        assert copy.source == "models:/digits/1"
        assert copy.storage_location == f"mlflow-artifacts:/0/{run_id}/artifacts/model"
        assert copy.run_id == run_id
        assert copy.stage == "None"
    assert versions.create_version(db, name="copies", source="models:/copies/latest").source == (
        "models:/copies/3"
    )
    registered.delete_model(db, "digits")
    assert versions.download_uri(db, "copies", 1).endswith(f"{run_id}/artifacts/model")


def test_another_version_that_is_not_what_is_said(db: Database, run_id: str) -> None:
    register(db, f"runs:/{run_id}/model")
    with pytest.raises(BadRequest, match="must match the referenced model version"):
        register(db, "models:/digits/1", run_id=OTHER)
    for source in ("models:/digits/2", "models:/nothing/1", "models:/digits/Staging"):
        with pytest.raises(NotFound):
            register(db, source)
    for source in ("models:/digits/1/2", "models:/", "models://digits/1", "models:/digits/foo"):
        with pytest.raises(BadRequest):
            register(db, source)


def test_another_run_than_is_named(db: Database, run_id: str) -> None:
    other = runs.create_run(db).run_id
    for source, named in (
        (f"runs:/{run_id}/model", other),
        (f"runs:/{OTHER}/model", OTHER),
        (f"runs:/{OTHER}/model", None),
        (f"mlflow-artifacts:/0/{run_id}/artifacts/model", other),
        (f"mlflow-artifacts:/0/{run_id}/artifacts/model", None),
        (f"mlflow-artifacts:/0/{run_id}/artifacts/model", OTHER),
        (f"mlflow-artifacts:/0/{run_id}/artifacts2/model", run_id),
        (f"mlflow-artifacts:/0/{run_id}", run_id),
        ("mlflow-artifacts:/", run_id),
    ):
        with pytest.raises(BadRequest, match="run_id request parameter must identify"):
            register(db, source, run_id=named)
    with pytest.raises(BadRequest, match="run_id"):
        register(db, f"runs:/{run_id}/model", run_id="../../etc")


ATTACKS = [
    "",
    "/etc/passwd",
    "file:///etc",
    "file://etc",
    "FILE:/etc",
    "etc",
    ".",
    "C:\\Windows",
    "\\\\host\\share",
    "//host/share",
    "http://169.254.169.254/latest",
    "https://host/api/2.0/mlflow-artifacts/artifacts/../..",
    "ftp://host/x",
    "s3://bucket/../x",
    "s3://bucket/model",
    "dbfs:/x",
    "hdfs://host/x",
    "models:/../../etc",
    "models:/..",
    "runs:/../../etc/passwd",
    "runs://host/{run}/model",
    "runs:/{run}",
    "runs:/{run}/",
    "runs:/{run}//model",
    "runs:/{run}/../../other",
    "runs:/{run}/model/../../x",
    "runs:/{run}/%2e%2e/x",
    "runs:/{run}/%252e%252e/x",
    "runs:/{run}/..%2fx",
    "runs:/{run}/..%5cx",
    "runs:/{run}/a\\..\\x",
    "runs:/{run}/model\0",
    "runs:/{run}/model%00",
    "runs:/{run}/model#/../../x",
    "runs:/{run}/model%23x",
    "runs:/{run}/model?x=..",
    "runs:/{run}/file:/etc",
    "runs:/{run}/C:/x",
    "mlflow-artifacts:/0/{run}/artifacts/../../x",
    "mlflow-artifacts:/0/{run}/artifacts/%2e%2e/%2e%2e",
    "mlflow-artifacts:/0/{run}/artifacts/%252e%252e/x",
    "mlflow-artifacts:/0/{run}/artifacts#/x",
    "mlflow-artifacts:/0/{run}/artifacts?x",
    "mlflow-artifacts:/0/{run}/artifacts//x",
    "mlflow-artifacts://host/0/{run}/artifacts/x",
    "mlflow-artifacts:///0/{run}/artifacts/x",
    "mlflow-artifacts:0/{run}/artifacts/x",
    "mlflow-artifacts:/0/{run}/artifacts\\..\\x",
]


def test_what_leads_elsewhere_is_refused(db: Database, run_id: str) -> None:
    for attack in ATTACKS:
        source = attack.replace("{run}", run_id)
        for tags in ((), ((TAG, "true"),), ((TAG, "false"), (TAG, "TRUE"))):
            with pytest.raises((BadRequest, NotFound), match=r"source|not found|name"):
                versions.create_version(db, name="digits", source=source, run_id=run_id, tags=tags)
        assert versions.search_versions(db).items == (), attack


def test_a_prompts_placeholder_is_for_prompts_only(db: Database) -> None:
    with pytest.raises(BadRequest, match="source"):
        register(db, "dummy-source")
    made = versions.create_version(
        db, name="digits", source="dummy-source", run_id="../x", tags=[(TAG, "true")]
    )
    assert (made.storage_location, made.run_id) == ("", None)
    with pytest.raises(BadRequest, match="Prompt versions cannot be used"):
        register(db, "models:/digits/1")


def logged(db: Database, run_id: str | None, name: str = "model") -> entities.LoggedModel:
    return logged_models.create_model(db, experiment_id="0", name=name, source_run_id=run_id)


def test_a_logged_model(db: Database, run_id: str) -> None:
    model = logged(db, run_id)
    for source in (f"models:/{model.model_id}", model.artifact_uri, f"{model.artifact_uri}/part"):
        for named in (None, run_id):
            made = versions.create_version(
                db, name="digits", source=source, model_id=model.model_id, run_id=named
            )
            assert (made.run_id, made.model_id) == (run_id, model.model_id)
            assert made.storage_location.startswith(model.artifact_uri)
    # The id is in the URI, so it need not be said twice.
    made = versions.create_version(db, name="digits", source=f"models:/{model.model_id}")
    assert (made.model_id, made.storage_location) == (model.model_id, model.artifact_uri)
    copy = versions.create_version(db, name="digits", source=f"models:/digits/{made.version}")
    assert (copy.model_id, copy.run_id) == (model.model_id, run_id)


def test_a_logged_model_by_its_run_and_name(db: Database, run_id: str) -> None:
    """Its files are not among the run's, so the newest of that name is what is meant."""
    for _ in range(2):
        newest = logged(db, run_id, "net")
    logged(db, runs.create_run(db).run_id, "net")
    elsewhere = experiments.create_experiment(db, name="elsewhere").experiment_id
    logged_models.create_model(db, experiment_id=elsewhere, name="net", source_run_id=run_id)
    made = versions.create_version(db, name="digits", source=f"runs:/{run_id}/net")
    assert (made.model_id, made.storage_location) == (newest.model_id, newest.artifact_uri)
    logged_models.delete_model(db, newest.model_id)
    made = versions.create_version(db, name="digits", source=f"runs:/{run_id}/net")
    assert made.model_id not in (None, newest.model_id)


def test_a_logged_model_knows_its_versions(db: Database, run_id: str) -> None:
    model = logged(db, run_id)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: register(db, f"models:/{model.model_id}"), range(8)))
    tags = logged_models.get_model(db, model.model_id).tags
    assert sorted(each["version"] for each in json.loads(tags["mlflow.modelVersions"])) == [
        str(number) for number in range(1, 9)
    ]
    # Anybody may have written anything there.
    logged_models.set_tags(db, model.model_id, {"mlflow.modelVersions": "[["})
    register(db, f"models:/{model.model_id}")
    tags = logged_models.get_model(db, model.model_id).tags
    assert json.loads(tags["mlflow.modelVersions"]) == [{"name": "digits", "version": "9"}]


def test_another_logged_model_than_is_named(db: Database, run_id: str) -> None:
    model, other = logged(db, run_id), logged(db, None)
    gone = logged(db, run_id)
    logged_models.delete_model(db, gone.model_id)
    for source, named in (
        (f"models:/{model.model_id}", other.model_id),
        (f"models:/m-{OTHER}", None),
        (f"models:/m-{OTHER}", f"m-{OTHER}"),
        (f"models:/{gone.model_id}", None),
        (model.artifact_uri, other.model_id),
        (model.artifact_uri, f"m-{OTHER}"),
        (model.artifact_uri.removesuffix("/artifacts"), model.model_id),
        (f"{model.artifact_uri}2", model.model_id),
        (f"runs:/{run_id}/model", model.model_id),
        (f"mlflow-artifacts:/0/{run_id}/artifacts/model", model.model_id),
    ):
        with pytest.raises(BadRequest, match="model_id request parameter must identify"):
            register(db, source, model_id=named)
    for attack in ("/..", "/../..", "/%2e%2e/x", "#", "?x", "/\\..\\x"):
        with pytest.raises(BadRequest, match="source"):
            register(db, model.artifact_uri + attack, model_id=model.model_id)
    with pytest.raises(BadRequest, match="run_id"):
        register(db, f"models:/{model.model_id}", run_id=OTHER)
