"""Logged models, data sets and autologging through the stock client."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.figure
import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import (
    LoggedModelInput,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

# Its functions are made when it is imported, which no type checker sees.
DATA: Any = mlflow.data
FEATURES = pd.DataFrame(np.random.default_rng(0).random((40, 2)), columns=["a", "b"])
LABELS = (FEATURES["a"] > 0.5).astype(int)


@pytest.fixture
def fluent(
    client: MlflowClient, experiment_name: str, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The fluent interface at a new experiment, whose id this is.

    The client finds out what a model needs by loading it in a process of its own. That takes
    seconds and asks the server for nothing, so it is told.
    """
    monkeypatch.setattr(mlflow.models, "infer_pip_requirements", lambda *_, **__: ["scikit-learn"])
    # Both are where set_experiment leaves its trace.
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment)
    monkeypatch.setattr("mlflow.tracking.fluent._active_experiment_id", None)
    mlflow.set_experiment(experiment_name)
    yield experiment
    mlflow.sklearn.autolog(disable=True)
    mlflow.end_run()


def get_run(client: MlflowClient, run_id: str) -> Any:
    return client.get_run(run_id)


def get_model(client: MlflowClient, model_id: str) -> Any:
    return client.get_logged_model(model_id)


def same(model: Any) -> bool:
    fitted = LogisticRegression().fit(FEATURES, LABELS)
    return bool((model.predict(FEATURES) == fitted.predict(FEATURES)).all())


def test_autologging_with_its_defaults(fluent: str, client: MlflowClient) -> None:
    mlflow.sklearn.autolog()
    with mlflow.start_run(run_name="single") as single:
        model = LogisticRegression().fit(FEATURES, LABELS)
        model.score(FEATURES, LABELS)
    run = get_run(client, single.info.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["C"] == "1.0"
    assert any(key.startswith("LogisticRegression_score") for key in run.data.metrics)
    [read] = run.inputs.dataset_inputs
    assert (read.dataset.name, read.tags[0].value) == ("dataset", "train")
    [output] = run.outputs.model_outputs

    logged = get_model(client, output.model_id)
    assert (logged.status, logged.source_run_id) == (LoggedModelStatus.READY, single.info.run_id)
    assert logged.params["C"] == "1.0"
    [score] = [each for each in logged.metrics if each.key == "training_score"]
    assert score.value == run.data.metrics["training_score"]
    assert (score.dataset_name, score.dataset_digest) == ("dataset", read.dataset.digest)
    for uri in (logged.model_uri, f"runs:/{single.info.run_id}/model"):
        assert same(mlflow.sklearn.load_model(uri))

    with mlflow.start_run(run_name="grid") as grid:
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(FEATURES, LABELS)
    children = client.search_runs(
        [fluent], f"tags.`mlflow.parentRunId` = '{grid.info.run_id}'", order_by=["params.C ASC"]
    )
    assert [child.data.params["C"] for child in children] == ["0.1", "1.0"]
    assert {child.info.status for child in children} == {"FINISHED"}
    best = get_run(client, grid.info.run_id)
    assert best.data.params["best_C"] in ("0.1", "1.0")
    assert best.outputs.model_outputs


def test_log_model_and_load_model(fluent: str, client: MlflowClient) -> None:
    with mlflow.start_run() as run:
        model = LogisticRegression().fit(FEATURES, LABELS)
        train = DATA.from_pandas(FEATURES, name="train")
        info = mlflow.sklearn.log_model(
            model, name="classifier", params={f"p{n}": n for n in range(250)}, tags={"team": "a"}
        )
        mlflow.log_metric("acc", 0.75, step=3, model_id=info.model_id, dataset=train)
        mlflow.log_metrics({"acc": 0.5, "loss": math.nan}, step=4, model_id=info.model_id)
        outside = mlflow.initialize_logged_model(name="outside", model_type="agent")
        client.log_inputs(run.info.run_id, models=[LoggedModelInput(outside.model_id)])
    for uri in (info.model_uri, f"models:/{info.model_id}", f"runs:/{run.info.run_id}/classifier"):
        assert same(mlflow.sklearn.load_model(uri))
    assert mlflow.pyfunc.load_model(info.model_uri).predict(FEATURES).shape == (40,)

    logged = get_model(client, info.model_id)
    assert (logged.name, logged.experiment_id) == ("classifier", fluent)
    assert logged.params == {f"p{n}": str(n) for n in range(250)}
    assert logged.tags["team"] == "a"
    points = {(each.key, each.step): each for each in logged.metrics}
    assert points["acc", 3].dataset_name == "train"
    assert points["acc", 4].value == 0.5
    assert math.isnan(points["loss", 4].value)
    found = get_run(client, run.info.run_id)
    assert found.data.metrics["acc"] == 0.5
    assert [each.model_id for each in found.outputs.model_outputs] == [info.model_id]
    assert [each.model_id for each in found.inputs.model_inputs] == [outside.model_id]
    assert "MLmodel" in [each.path for each in client.list_logged_model_artifacts(info.model_id)]


def test_a_logged_model_by_itself(fluent: str, client: MlflowClient, tmp_path: Path) -> None:
    made = client.create_logged_model(fluent, name="own", tags={"a": "1", "b": "2"})
    assert made.status == LoggedModelStatus.PENDING
    (tmp_path / "weights").write_bytes(b"w" * 100)
    client.log_model_artifact(made.model_id, str(tmp_path / "weights"))
    client.finalize_logged_model(made.model_id, LoggedModelStatus.FAILED)
    client.set_logged_model_tags(made.model_id, {"a": "3", "c d": "4"})
    client.delete_logged_model_tag(made.model_id, "b")
    found = client.get_logged_model(made.model_id)
    assert (found.status, found.tags) == (LoggedModelStatus.FAILED, {"a": "3", "c d": "4"})
    [file] = client.list_logged_model_artifacts(made.model_id)
    assert (file.path, file.file_size) == ("weights", 100)
    back = mlflow.artifacts.download_artifacts(found.model_uri)
    assert Path(back, "weights").read_bytes() == b"w" * 100
    for wrong in (
        lambda: client.delete_logged_model_tag(made.model_id, "b"),
        lambda: client.get_logged_model("m-" + "0" * 32),
    ):
        with pytest.raises(MlflowException) as refused:
            wrong()
        assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(MlflowException) as refused:
        client.create_logged_model(fluent, name="a/b")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    client.delete_logged_model(made.model_id)
    assert client.search_logged_models([fluent]) == []
    with pytest.raises(MlflowException, match="not found"):
        client.get_logged_model(made.model_id)


def test_search_logged_models(fluent: str, client: MlflowClient) -> None:
    run_id = client.create_run(fluent).info.run_id
    made = {}
    for number, name in enumerate("abcd"):
        model = client.create_logged_model(fluent, name=name, params={"depth": str(number)})
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, number)])
        for dataset, value in (("train", number), ("test", 3 - number)):
            point = Metric(
                "acc",
                value,
                timestamp=number,
                step=0,
                model_id=model.model_id,
                dataset_name=dataset,
                dataset_digest="1",
            )
            client.log_batch(run_id, [point])
        made[name] = model.model_id

    def search(text: str = "", **options: Any) -> str:
        options = {"order_by": [{"field_name": "name"}], **options}
        return "".join(
            each.name for each in client.search_logged_models([fluent], text or None, **options)
        )

    test = {"dataset_name": "test", "dataset_digest": "1"}
    assert search() == "abcd"
    assert search("name IN ('a', 'c') AND params.depth != '0'") == "c"
    assert search("metrics.acc >= 3") == "ad"
    assert search("metrics.acc >= 3", datasets=[test]) == "a"
    assert search("metrics.acc < 2 AND metrics.acc != 0", datasets=[test]) == "c"
    assert search(f"model_id = '{made['b']}' OR name ILIKE 'D'") == "bd"
    on_test = {"field_name": "metrics.acc", "ascending": False, **test}
    assert search(order_by=[on_test]) == "abcd"
    assert search(order_by=[{**on_test, "ascending": True}]) == "dcba"
    page = client.search_logged_models([fluent], max_results=3)
    rest = client.search_logged_models([fluent], max_results=3, page_token=page.token)
    assert "".join(each.name for each in [*page, *rest]) == "dcba"
    with pytest.raises(MlflowException, match="Invalid page token"):
        client.search_logged_models([fluent], "name = 'a'", page_token=page.token)
    outputs = get_run(client, run_id).outputs.model_outputs
    assert [(each.model_id, each.step) for each in outputs] == [
        (model, number) for number, model in enumerate(made.values())
    ]


def test_data_sets(fluent: str, client: MlflowClient) -> None:
    train = DATA.from_pandas(FEATURES, source="https://example.com/a.csv", name="train")
    test = DATA.from_numpy(FEATURES.to_numpy(), name="test")
    with mlflow.start_run() as both:
        mlflow.log_input(train, context="training", tags={"part": "1"})
        mlflow.log_input(train, context="again")
        mlflow.log_inputs([train, test], ["training", "testing"], [None, None])
    with mlflow.start_run() as one:
        mlflow.log_input(test)
    first, second = get_run(client, both.info.run_id).inputs.dataset_inputs
    assert {tag.key: tag.value for tag in first.tags} == {
        "mlflow.data.context": "training",
        "part": "1",
    }
    assert (first.dataset.name, first.dataset.digest) == ("train", train.digest)
    assert (first.dataset.schema, first.dataset.profile) == (
        train.to_dict()["schema"],
        train.to_dict()["profile"],
    )
    assert DATA.get_source(first).url == "https://example.com/a.csv"
    assert second.dataset.name == "test"
    for text, expected in (
        ("datasets.name = 'train'", [both]),
        ("dataset.name LIKE 't%'", [both, one]),
        (f"datasets.digest IN ('{test.digest}')", [both, one]),
        ("datasets.context = 'testing' AND dataset.name ILIKE 'TRAIN'", [both]),
        ("datasets.context = 'again'", []),
    ):
        found = client.search_runs([fluent], text, order_by=["start_time ASC"])
        assert [run.info.run_id for run in found] == [run.info.run_id for run in expected], text
        assert all(run.inputs and run.inputs.dataset_inputs for run in found)


def test_what_a_script_logs_besides(fluent: str, client: MlflowClient) -> None:
    with mlflow.start_run() as run:
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        mlflow.log_table({"x": [3], "y": ["c"]}, "table.json")
        figure = matplotlib.figure.Figure()
        figure.subplots().plot([1, 2])
        mlflow.log_figure(figure, "plots/figure.png")
        mlflow.log_image(np.zeros((4, 4, 3), np.uint8), "image.png")
        mlflow.log_image(np.zeros((4, 4, 3), np.uint8), key="sample", step=2)
        mlflow.log_stream(io.BytesIO(b"streamed"), "stream.bin")
        waiting: list[Any] = [
            mlflow.log_metrics({"loss": 1 / (step + 1)}, step=step, synchronous=False)
            for step in range(30)
        ]
        waiting.append(mlflow.log_params({"a": 1, "b": 2}, synchronous=False))
        waiting.append(mlflow.set_tags({"t": "x"}, synchronous=False))
        for each in waiting:
            each.wait()
        with mlflow.start_run(nested=True) as child, mlflow.start_run(nested=True) as grandchild:
            mlflow.log_metric("depth", 2)
    run_id = run.info.run_id
    assert list(mlflow.load_table("table.json", run_ids=[run_id])["x"]) == [1, 2, 3]
    files = {file.path for file in client.list_artifacts(run_id)}
    assert {"image.png", "images", "plots", "stream.bin", "table.json"} <= files
    assert len(client.list_artifacts(run_id, "images")) == 2
    assert mlflow.artifacts.load_image(f"runs:/{run_id}/image.png").size == (4, 4)
    found = get_run(client, run_id)
    assert len(client.get_metric_history(run_id, "loss")) == 30
    assert (found.data.params, found.data.tags["t"]) == ({"a": "1", "b": "2"}, "x")
    parents = [
        get_run(client, each.info.run_id).data.tags["mlflow.parentRunId"]
        for each in (child, grandchild)
    ]
    assert parents == [run_id, child.info.run_id]


def test_every_operator_of_a_search_for_runs(fluent: str, client: MlflowClient) -> None:
    runs = []
    for number in range(4):
        run = client.create_run(fluent, start_time=1000 + number, run_name=f"Run {number}")
        client.log_batch(
            run.info.run_id, [Metric("m", number, 0, 0)], tags=[RunTag("k", "abcd"[number])]
        )
        runs.append(run.info.run_id)
    client.set_terminated(runs[3], end_time=5000)
    client.log_param(runs[2], "only", "x")
    client.log_metric(runs[0], "nan", math.nan)

    def search(text: str, **options: Any) -> str:
        found = client.search_runs([fluent], text, order_by=["start_time ASC"], **options)
        return "".join(str(runs.index(run.info.run_id)) for run in found)

    for text, expected in (
        ("metrics.m = 1", "1"),
        ("metric.m != 1", "023"),
        ("metrics.m > 1 and metrics.m <= 2.0", "2"),
        ("metrics.m >= 1 AND metrics.`m` < 3", "12"),
        ("metrics.nan != 7", "0"),
        ("params.only = 'x'", "2"),
        ("params.only IS NULL", "013"),
        ("parameters.only IS NOT NULL", "2"),
        ("tags.k = 'a'", "0"),
        ('tag."k" != "a"', "123"),
        ("tags.k LIKE 'B'", ""),
        ("tags.k ILIKE 'B'", "1"),
        ("tags.k IN ('a', 'd')", "03"),
        ("attributes.run_name LIKE 'Run %'", "0123"),
        ("run_name ILIKE 'run 2'", "2"),
        ("attr.status = 'FINISHED'", "3"),
        ("status != 'FINISHED'", "012"),
        ("attributes.start_time >= 1001 AND attribute.start_time < 1003", "12"),
        ("end_time > 1", "3"),
        (f"run_id IN ('{runs[1]}', '{runs[2]}')", "12"),
        (f"run_id NOT IN ('{runs[1]}')", "023"),
        (f"attributes.artifact_uri LIKE '%{runs[3]}%'", "3"),
    ):
        assert search(text) == expected, text
    client.delete_run(runs[0])
    assert search("", run_view_type=ViewType.ALL) == "0123"
    assert search("", run_view_type=ViewType.DELETED_ONLY) == "0"
    client.delete_experiment(fluent)
    assert search("") == ""
    client.restore_experiment(fluent)
    assert search("") == "0123"
