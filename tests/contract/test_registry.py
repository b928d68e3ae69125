"""The model registry through the stock client: registering, finding, moving and loading models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fitted models, times 2 and times 3, in MLflow's format."""
    import mlflow.sklearn  # what it warns of on import is not an error in a test

    folder = tmp_path_factory.mktemp("models")
    x = np.arange(8.0).reshape(-1, 1)
    for factor in (2, 3):
        # Which packages it needs is said, since to find out takes a minute.
        mlflow.sklearn.save_model(
            LinearRegression().fit(x, x[:, 0] * factor),
            folder / f"{factor}",
            pip_requirements=["scikit-learn"],
        )
    return folder


@pytest.fixture
def name(experiment_name: str) -> str:
    """Of a model that only this test has."""
    return experiment_name


@pytest.fixture
def log(client: MlflowClient, experiment: str, saved: Path) -> Callable[[int], str]:
    """Log a model as a run's files, which is how clients before 3.0 do it; returns the run's id."""

    def logged(factor: int) -> str:
        run_id = str(client.create_run(experiment).info.run_id)
        client.log_artifacts(run_id, str(saved / str(factor)), "model")
        return run_id

    return logged


def loaded(uri: str) -> int:
    """The factor of the model that is found under a URI."""
    import mlflow.pyfunc

    return round(float(mlflow.pyfunc.load_model(uri).predict(np.array([[1.0]]))[0]))


def code(refused: pytest.ExceptionInfo[MlflowException]) -> str:
    return str(refused.value.error_code)


def test_register_and_load_by_every_uri(
    client: MlflowClient, name: str, log: Callable[[int], str]
) -> None:
    first, second = log(2), log(3)
    made = mlflow.register_model(f"runs:/{first}/model", name, tags={"quality": "fair"})
    assert (made.name, made.version, made.status, made.current_stage) == (
        name,
        "1",
        "READY",
        "None",
    )
    assert (made.run_id, made.tags) == (first, {"quality": "fair"})
    # The second time there is a model of this name, and the client goes on with it.
    assert mlflow.register_model(f"runs:/{second}/model", name).version == "2"
    client.set_registered_model_alias(name, "champion", "1")
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Staging")
    for uri, factor in (
        (f"models:/{name}/1", 2),
        (f"models:/{name}/2", 3),
        (f"models:/{name}@champion", 2),
        (f"models:/{name}@latest", 3),
        (f"models:/{name}/latest", 3),
        (f"models:/{name}/Production", 2),
        (f"models:/{name}/staging", 3),
        (f"runs:/{first}/model", 2),
    ):
        assert loaded(uri) == factor, uri
    uri = client.get_model_version_download_uri(name, "1")
    assert uri.endswith(f"/{first}/artifacts/model")


def test_logged_models(client: MlflowClient, experiment: str, name: str, saved: Path) -> None:
    """As clients since 3.0 log models: apart from the run; registered by each of their names."""
    import mlflow.sklearn

    models = {factor: mlflow.sklearn.load_model(str(saved / str(factor))) for factor in (2, 3)}
    with mlflow.start_run(experiment_id=experiment) as run:
        needs = {"pip_requirements": ["scikit-learn"]}
        first = mlflow.sklearn.log_model(models[2], name="net", registered_model_name=name, **needs)
        second = mlflow.sklearn.log_model(models[3], name="other", **needs)
    run_id = run.info.run_id
    by_id = mlflow.register_model(second.model_uri, name)
    by_run = mlflow.register_model(f"runs:/{run_id}/other", name)
    by_hand = client.create_model_version(name, f"runs:/{run_id}/net", run_id)
    copy = client.copy_model_version(f"models:/{name}/1", f"{name}-copy")
    for made, version, model, factor in (
        (client.get_model_version(name, "1"), "1", first, 2),
        (by_id, "2", second, 3),
        (by_run, "3", second, 3),
        (by_hand, "4", first, 2),
        (copy, "1", first, 2),
    ):
        # The client reads no model_id from the answer, but a filter may ask for it.
        assert (made.version, made.run_id) == (version, run_id)
        mine = f"name = '{made.name}' AND model_id = '{model.model_id}'"
        assert version in [each.version for each in client.search_model_versions(mine)]
        assert client.get_model_version_download_uri(made.name, version) == (
            client.get_logged_model(model.model_id).artifact_location
        )
        assert loaded(f"models:/{made.name}/{version}") == factor
    assert loaded(first.model_uri) == 2
    told = json.loads(client.get_logged_model(second.model_id).tags["mlflow.modelVersions"])
    assert {(each["name"], each["version"]) for each in told} == {(name, "2"), (name, "3")}
    client.set_registered_model_alias(name, "champion", "2")
    client.transition_model_version_stage(name, "4", "Production")
    assert loaded(f"models:/{name}@champion") == 3
    assert loaded(f"models:/{name}/Production") == 2


def test_a_version_made_by_hand(client: MlflowClient, name: str, log: Callable[[int], str]) -> None:
    run_id = log(2)
    client.create_registered_model(name, {"team": "vision"}, "Doubles.")
    made = client.create_model_version(
        name, f"runs:/{run_id}/model", run_id, {"a": "b"}, description="first"
    )
    assert (made.version, made.description, made.tags) == ("1", "first", {"a": "b"})
    assert loaded(f"models:/{name}/1") == 2
    model = client.get_registered_model(name)
    assert (model.description, model.tags) == ("Doubles.", {"team": "vision"})
    assert [each.version for each in model.latest_versions] == ["1"]


def test_a_copy_outlives_what_it_was_copied_from(
    client: MlflowClient, name: str, log: Callable[[int], str]
) -> None:
    run_id = log(3)
    mlflow.register_model(f"runs:/{run_id}/model", name)
    client.set_registered_model_alias(name, "best", "1")
    copy = client.copy_model_version(f"models:/{name}@best", f"{name}-copy")
    assert (copy.name, copy.version, copy.run_id) == (f"{name}-copy", "1", run_id)
    assert copy.source == f"models:/{name}/1"
    client.delete_registered_model(name)
    assert loaded(f"models:/{name}-copy/1") == 3


def test_names_are_taken_once(client: MlflowClient, name: str) -> None:
    client.create_registered_model(name)
    with pytest.raises(MlflowException) as refused:
        client.create_registered_model(name)
    assert code(refused) == "RESOURCE_ALREADY_EXISTS"
    client.create_registered_model(f"{name}-other")
    with pytest.raises(MlflowException) as refused:
        client.rename_registered_model(f"{name}-other", name)
    assert code(refused) == "RESOURCE_ALREADY_EXISTS"
    for wrong in ("a/b", "a:b", " "):
        with pytest.raises(MlflowException) as refused:
            client.create_registered_model(wrong)
        assert code(refused) == "INVALID_PARAMETER_VALUE"


def test_rename_update_and_delete(
    client: MlflowClient, name: str, log: Callable[[int], str]
) -> None:
    mlflow.register_model(f"runs:/{log(2)}/model", name)
    client.set_registered_model_alias(name, "champion", "1")
    client.update_registered_model(name, "new words")
    client.set_registered_model_tag(name, "gone", "x")
    client.set_registered_model_tag(name, "stays", "y")
    client.delete_registered_model_tag(name, "gone")
    other = f"{name} renamed"
    client.rename_registered_model(name, other)
    found = client.get_registered_model(other)
    assert (found.name, found.description) == (other, "new words")
    assert (found.tags, found.aliases) == ({"stays": "y"}, {"champion": "1"})
    assert loaded(f"models:/{other}@champion") == 2
    client.delete_registered_model(other)
    for gone in (name, other):
        with pytest.raises(MlflowException) as refused:
            client.get_registered_model(gone)
        assert code(refused) == "RESOURCE_DOES_NOT_EXIST"


def test_versions_change_and_their_numbers_are_not_reused(
    client: MlflowClient, name: str, log: Callable[[int], str]
) -> None:
    run_id = log(2)
    for _ in range(3):
        mlflow.register_model(f"runs:/{run_id}/model", name)
    client.update_model_version(name, "2", "words")
    client.set_model_version_tag(name, "2", "a", "b")
    client.set_model_version_tag(name, "2", "gone", "x")
    client.delete_model_version_tag(name, "2", "gone")
    found = client.get_model_version(name, "2")
    assert (found.description, found.tags) == ("words", {"a": "b"})
    client.set_registered_model_alias(name, "top", "3")
    client.delete_model_version(name, "3")
    with pytest.raises(MlflowException) as refused:
        client.get_model_version(name, "3")
    assert code(refused) == "RESOURCE_DOES_NOT_EXIST"
    assert client.get_registered_model(name).aliases == {}
    assert mlflow.register_model(f"runs:/{run_id}/model", name).version == "4"


def test_aliases(client: MlflowClient, name: str, log: Callable[[int], str]) -> None:
    run_id = log(2)
    for _ in range(2):
        mlflow.register_model(f"runs:/{run_id}/model", name)
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "champion", "2")
    found = client.get_model_version_by_alias(name, "champion")
    assert (found.version, found.aliases) == ("2", ["champion"])
    [aliased] = client.search_model_versions(f"name = '{name}' and version_number = 2")
    assert aliased.aliases == ["champion"]
    client.delete_registered_model_alias(name, "champion")
    client.delete_registered_model_alias(name, "champion")
    with pytest.raises(MlflowException, match="alias champion not found") as refused:
        client.get_model_version_by_alias(name, "champion")
    assert code(refused) == "INVALID_PARAMETER_VALUE"
    for reserved in ("latest", "v1"):
        with pytest.raises(MlflowException, match="reserved"):
            client.set_registered_model_alias(name, reserved, "1")


def test_stages(client: MlflowClient, name: str, log: Callable[[int], str]) -> None:
    run_id = log(2)
    for _ in range(3):
        mlflow.register_model(f"runs:/{run_id}/model", name)
    client.transition_model_version_stage(name, "1", "production")
    client.transition_model_version_stage(name, "2", "Production")
    moved = client.transition_model_version_stage(
        name, "3", "Production", archive_existing_versions=True
    )
    assert moved.current_stage == "Production"
    found = {
        each.version: each.current_stage for each in client.search_model_versions(f"name='{name}'")
    }
    assert found == {"1": "Archived", "2": "Archived", "3": "Production"}
    assert [each.version for each in client.get_latest_versions(name, ["Production"])] == ["3"]
    assert {each.version for each in client.get_latest_versions(name)} == {"2", "3"}
    for stage, archive in (("foo", False), ("Archived", True)):
        with pytest.raises(MlflowException) as refused:
            client.transition_model_version_stage(name, "1", stage, archive)
        assert code(refused) == "INVALID_PARAMETER_VALUE"


def test_search_of_models(client: MlflowClient, name: str) -> None:
    for number in range(5):
        client.create_registered_model(f"{name}/{number}".replace("/", "-"), {"n": str(number)})
    mine = f"name LIKE '{name}-%'"

    def search(text: str, **options: Any) -> list[int]:
        found = client.search_registered_models(text, **options)
        return [int(each.name.rpartition("-")[2]) for each in found]

    assert search(mine) == [0, 1, 2, 3, 4]
    assert search(f"name = '{name}-3'") == [3]
    assert search(f"name ILIKE '{name.upper()}-%' AND name != '{name}-1'") == [0, 2, 3, 4]
    assert search(f"name IN ('{name}-1', '{name}-4')") == [1, 4]
    assert search(f"{mine} AND tags.n = '2'") == [2]
    assert search(f"{mine} AND tags.n != '2'") == [0, 1, 3, 4]
    assert search(f"{mine} AND tags.n LIKE '2%'") == [2]
    assert search(mine, order_by=["name DESC"], max_results=2) == [4, 3]
    assert search(mine, order_by=["timestamp DESC", "name ASC"])[-1] == 0
    page = client.search_registered_models(mine, max_results=3)
    rest = client.search_registered_models(mine, max_results=3, page_token=page.token)
    assert len({each.name for each in (*page, *rest)}) == 5
    assert not rest.token


def test_search_of_versions(client: MlflowClient, name: str, log: Callable[[int], str]) -> None:
    one, two = log(2), log(3)
    for run_id, tag in ((one, "a"), (two, "B"), (one, "b")):
        mlflow.register_model(f"runs:/{run_id}/model", name, tags={"t": tag})

    def search(text: str, **options: Any) -> list[int]:
        options = {"order_by": ["version_number ASC"]} | options
        found = client.search_model_versions(f"name = '{name}' AND {text}", **options)
        return [int(each.version) for each in found]

    for text, expected in (
        (f"run_id = '{one}'", [1, 3]),
        (f"run_id != '{one}'", [2]),
        (f"run_id IN ('{one}', '{two}')", [1, 2, 3]),
        (f"run_id LIKE '{two}'", [2]),
        (f"source_path ILIKE '%{one}%'", [1, 3]),
        ("version_number > 1", [2, 3]),
        ("version_number >= 2", [2, 3]),
        ("version_number < 2", [1]),
        ("version_number <= 2", [1, 2]),
        ("version_number = 2", [2]),
        ("version_number != 2", [1, 3]),
        ("tags.t = 'b'", [3]),
        ("tags.t != 'b'", [1, 2]),
        ("tags.t LIKE 'b'", [3]),
        ("tags.t ILIKE 'b'", [2, 3]),
    ):
        assert search(text) == expected, text
    everything = f"run_id IN ('{one}', '{two}')"
    assert search(everything, order_by=["version_number DESC"]) == [3, 2, 1]
    assert search(everything, order_by=["name ASC", "creation_timestamp ASC"]) == [1, 2, 3]
    client.update_model_version(name, "1", "newest")
    assert search(everything, order_by=None)[0] == 1
    with pytest.raises(MlflowException) as refused:
        client.search_model_versions("version_number = 'x'")
    assert code(refused) == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "source", ["/etc", "file:///etc", "runs:/{run}/../x", "mlflow-artifacts:/0", "s3://b/x"]
)
def test_a_source_that_leads_elsewhere(
    client: MlflowClient, name: str, run_id: str, source: str
) -> None:
    client.create_registered_model(name)
    with pytest.raises(MlflowException, match="Invalid model version source") as refused:
        client.create_model_version(name, source.format(run=run_id), run_id)
    assert code(refused) == "INVALID_PARAMETER_VALUE"


@pytest.mark.usefixtures("client")
def test_prompts(client: MlflowClient, name: str) -> None:
    first = mlflow.genai.register_prompt(
        name=name, template="Hello {{who}}", commit_message="first", tags={"team": "x"}
    )
    assert (first.version, first.commit_message) == (1, "first")
    mlflow.genai.register_prompt(name=name, template=[{"role": "user", "content": "{{who}}?"}])
    mlflow.genai.set_prompt_alias(name, "production", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@production").format(who="you") == "Hello you"
    assert mlflow.genai.load_prompt(f"prompts:/{name}@latest").version == 2
    assert mlflow.genai.load_prompt(f"prompts:/{name}/2").template == [
        {"role": "user", "content": "{{who}}?"}
    ]
    assert name in [each.name for each in mlflow.genai.search_prompts()]
    mine = f"name = '{name}'"
    assert client.search_registered_models(mine) == []
    assert client.search_model_versions(mine) == []
    with pytest.raises(MlflowException) as refused:
        client.create_registered_model(name)
    assert code(refused) == "RESOURCE_ALREADY_EXISTS"
