"""Runs, their params and their tags through the stock client."""

from __future__ import annotations

import time
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException


def test_the_life_of_a_run(client: MlflowClient, experiment: str) -> None:
    before = int(time.time() * 1000)
    made = client.create_run(experiment, run_name="first", tags={"kind": "trial"})
    assert (made.info.status, made.info.lifecycle_stage) == ("RUNNING", "active")
    assert before <= made.info.start_time <= int(time.time() * 1000)
    assert made.info.artifact_uri == (
        f"mlflow-artifacts:/{experiment}/{made.info.run_id}/artifacts"
    )
    client.set_terminated(made.info.run_id, "FAILED", end_time=before + 5)
    ended = client.get_run(made.info.run_id)
    assert (ended.info.status, ended.info.end_time) == ("FAILED", before + 5)
    assert ended.data.tags == {"kind": "trial", "mlflow.runName": "first"}
    client.update_run(made.info.run_id, status="RUNNING", name="second")
    again = client.get_run(made.info.run_id)
    assert (again.info.status, again.info.run_name) == ("RUNNING", "second")
    assert again.data.tags["mlflow.runName"] == "second"


def test_a_run_without_a_name_gets_one(client: MlflowClient, experiment: str) -> None:
    assert client.create_run(experiment).info.run_name


def test_params_cannot_be_changed(client: MlflowClient, experiment: str) -> None:
    run_id = client.create_run(experiment).info.run_id
    client.log_param(run_id, "lr", 0.1)
    client.log_param(run_id, "lr", "0.1")
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(run_id, "lr", 0.2)
    with pytest.raises(MlflowException) as refused:
        client.log_batch(
            run_id,
            metrics=[Metric("loss", 1.0, 0, 0)],
            params=[Param("lr", "0.2"), Param("new", "1")],
            tags=[RunTag("new", "1")],
        )
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    data = client.get_run(run_id).data
    assert data.params == {"lr": "0.1"}
    assert not data.metrics
    assert list(data.tags) == ["mlflow.runName"]


def test_long_values(client: MlflowClient, experiment: str) -> None:
    run_id = client.create_run(experiment).info.run_id
    client.log_param(run_id, "text", "p" * 6000)
    client.set_tag(run_id, "text", "t" * 8000)
    client.log_param(run_id, "empty", "")
    data = client.get_run(run_id).data
    assert data.params == {"text": "p" * 6000, "empty": ""}
    assert data.tags["text"] == "t" * 8000


@pytest.mark.parametrize("key", ["a/b.c-d_e f:g", "µ", "訓練"])
def test_keys_of_many_alphabets(client: MlflowClient, experiment: str, key: str) -> None:
    run_id = client.create_run(experiment).info.run_id
    client.log_param(run_id, key, key)
    client.log_metric(run_id, key, 1.5)
    client.set_tag(run_id, key, key)
    data = client.get_run(run_id).data
    assert (data.params, data.metrics, data.tags[key]) == ({key: key}, {key: 1.5}, key)


@pytest.mark.parametrize("key", ["../up", "/root", "a//b", "semi;colon", "k" * 251])
def test_keys_that_are_refused(client: MlflowClient, experiment: str, key: str) -> None:
    run_id = client.create_run(experiment).info.run_id
    for call in (
        lambda: client.log_param(run_id, key, "1"),
        lambda: client.log_metric(run_id, key, 1.0),
        lambda: client.set_tag(run_id, key, "1"),
    ):
        with pytest.raises(MlflowException) as refused:
            call()
        assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_tags(client: MlflowClient, experiment: str) -> None:
    run_id = client.create_run(experiment).info.run_id
    client.set_tag(run_id, "state", "old")
    client.set_tag(run_id, "state", "new")
    client.set_tag(run_id, "mlflow.runName", "renamed by its tag")
    client.delete_tag(run_id, "state")
    with pytest.raises(MlflowException) as refused:
        client.delete_tag(run_id, "state")
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    found = client.get_run(run_id)
    assert found.data.tags == {"mlflow.runName": "renamed by its tag"}
    assert found.info.run_name == "renamed by its tag"


def test_delete_and_restore(client: MlflowClient, experiment: str) -> None:
    run_id = client.create_run(experiment).info.run_id
    client.delete_run(run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    assert client.search_runs([experiment]) == []
    assert len(client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)) == 1
    with pytest.raises(MlflowException, match="must be in the 'active' state"):
        client.log_metric(run_id, "loss", 1.0)
    client.restore_run(run_id)
    client.log_metric(run_id, "loss", 1.0)
    assert client.get_run(run_id).data.metrics == {"loss": 1.0}


def test_the_largest_batch(client: MlflowClient, experiment: str) -> None:
    run_id = client.create_run(experiment).info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric("loss", 1 / (step + 1), 1_000_000 + step, step) for step in range(800)],
        params=[Param(f"p{number}", str(number)) for number in range(100)],
        tags=[RunTag(f"t{number}", str(number)) for number in range(100)],
    )
    data = client.get_run(run_id).data
    assert data.metrics == {"loss": 1 / 800}
    assert len(data.params) == 100
    assert len(data.tags) == 101
    assert len(client.get_metric_history(run_id, "loss")) == 800


def test_search(client: MlflowClient, experiment: str) -> None:
    made = []
    for number in range(12):
        run = client.create_run(experiment, start_time=1000 + number, run_name=f"run-{number}")
        client.log_batch(
            run.info.run_id,
            metrics=[Metric("acc", number / 10, 0, 0)],
            params=[Param("model", "mlp" if number % 2 else "sgd")],
            tags=[RunTag("odd.name", f"v{number}")],
        )
        made.append(run.info.run_id)

    def search(text: str, **options: Any) -> list[int]:
        found = client.search_runs([experiment], text, **options)
        return [made.index(run.info.run_id) for run in found]

    assert search("") == list(range(11, -1, -1))
    assert search("metrics.acc >= 0.9 AND params.model = 'mlp'") == [11, 9]
    assert search("tags.`odd.name` IN ('v3', 'v4')") == [4, 3]
    assert search("params.model LIKE 'S%'") == []
    assert search("params.model ILIKE 'S%' AND metrics.acc < 0.3") == [2, 0]
    assert search("attributes.run_name = 'run-5'") == [5]
    assert search("attributes.start_time > 1009") == [11, 10]
    assert search("", order_by=["params.model DESC", "metrics.acc ASC"], max_results=3) == [0, 2, 4]

    pages, token = [], None
    while True:
        page = client.search_runs(
            [experiment], max_results=5, order_by=["metrics.acc ASC"], page_token=token
        )
        pages.append([made.index(run.info.run_id) for run in page])
        if not (token := page.token):
            break
    assert pages == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


@pytest.mark.parametrize("wrong", ["metrics.acc > 'x'", "params.lr = 1", "nothing", "a.b = 1"])
def test_a_filter_that_cannot_be_read(client: MlflowClient, experiment: str, wrong: str) -> None:
    with pytest.raises(MlflowException) as refused:
        client.search_runs([experiment], wrong)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
