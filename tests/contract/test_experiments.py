"""Experiments through the stock client."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException


def test_the_default_experiment_is_there(client: MlflowClient) -> None:
    assert client.get_experiment("0").name == "Default"


def test_create_and_get(client: MlflowClient, experiment_name: str) -> None:
    made = client.create_experiment(experiment_name, tags={"team": "vision", "empty": ""})
    found = client.get_experiment(made)
    assert dict(found) == dict(client.get_experiment_by_name(experiment_name) or ())
    assert (found.name, found.lifecycle_stage) == (experiment_name, "active")
    assert found.tags == {"team": "vision", "empty": ""}
    assert found.artifact_location == f"mlflow-artifacts:/{made}"
    assert found.creation_time
    assert found.creation_time == found.last_update_time


def test_a_name_is_taken_once(client: MlflowClient, experiment_name: str) -> None:
    made = client.create_experiment(experiment_name)
    with pytest.raises(MlflowException) as refused:
        client.create_experiment(experiment_name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.delete_experiment(made)
    with pytest.raises(MlflowException) as refused:
        client.create_experiment(experiment_name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_what_is_not_there(client: MlflowClient, experiment_name: str) -> None:
    assert client.get_experiment_by_name(experiment_name) is None
    with pytest.raises(MlflowException) as refused:
        client.get_experiment("987654321")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_rename_and_tags(client: MlflowClient, experiment_name: str) -> None:
    made = client.create_experiment(experiment_name)
    client.rename_experiment(made, f"{experiment_name} renamed")
    client.set_experiment_tag(made, "state", "old")
    client.set_experiment_tag(made, "state", "new")
    client.set_experiment_tag(made, "gone", "x")
    client.delete_experiment_tag(made, "gone")
    found = client.get_experiment(made)
    assert (found.name, found.tags) == (f"{experiment_name} renamed", {"state": "new"})


def test_delete_takes_its_runs_along_and_restore_brings_them_back(
    client: MlflowClient, experiment_name: str
) -> None:
    made = client.create_experiment(experiment_name)
    run_id = client.create_run(made).info.run_id
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.create_run(made)
    client.restore_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "active"
    assert client.get_run(run_id).info.lifecycle_stage == "active"


def test_search_pages_in_order(client: MlflowClient, experiment_name: str) -> None:
    made = [client.create_experiment(f"{experiment_name}/{number}") for number in range(7)]
    client.delete_experiment(made[3])
    filter_string = f"name LIKE '{experiment_name}/%'"
    found: list[str] = []
    token = None
    while True:
        page = client.search_experiments(
            filter_string=filter_string, max_results=2, order_by=["name ASC"], page_token=token
        )
        found += [each.experiment_id for each in page]
        token = page.token
        if not token:
            break
    assert found == made[:3] + made[4:]
    deleted = client.search_experiments(ViewType.DELETED_ONLY, filter_string=filter_string)
    assert [each.experiment_id for each in deleted] == [made[3]]
    everything = client.search_experiments(ViewType.ALL, filter_string=filter_string)
    assert len(everything) == 7


def test_search_by_tag(client: MlflowClient, experiment_name: str) -> None:
    made = client.create_experiment(experiment_name, tags={"unique.tag": experiment_name})
    client.create_experiment(f"{experiment_name} other", tags={"unique.tag": "other"})
    found = client.search_experiments(filter_string=f"tags.`unique.tag` = '{experiment_name}'")
    assert [each.experiment_id for each in found] == [made]


@pytest.mark.parametrize("wrong", ["name ~ 'x'", "metrics.loss > 1", "name = x", "name ="])
def test_a_filter_that_cannot_be_read(client: MlflowClient, wrong: str) -> None:
    with pytest.raises(MlflowException) as refused:
        client.search_experiments(filter_string=wrong)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
