"""Runs side by side: what differs is told, of everything a run has."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from podium.client.entities import LifecycleStage, RunStatus
from podium.client.errors import Unavailable
from podium.registry.web.comparison import drawn, sections
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.runs.table import DatasetName, Row, Summary

from ..api import Api
from .conftest import elements


def row(name: str, **of: Any) -> Row:
    metrics = {key: Summary(*4 * [value]) for key, value in of.pop("metrics", {}).items()}
    return Row(
        run_id=name * 32,
        run_name=name,
        user_id="ada",
        status=RunStatus.FINISHED,
        state="FINISHED",
        start_time=0,
        end_time=1000,
        lifecycle_stage=LifecycleStage.ACTIVE,
        metrics=metrics,
        **of,
    )


A = row(
    "a",
    params={"lr": "0.1", "same": "x"},
    metrics={"loss": math.nan, "acc": 0.5},
    tags={"mlflow.source.git.commit": "1", "team": "t", "mlflow.docker.image.name": "i1"},
    datasets=[DatasetName("train", "d1")],
)
B = row(
    "b",
    params={"lr": "0.2", "same": "x", "only": "b"},
    metrics={"loss": 1.0, "acc": 0.5},
    tags={
        "mlflow.source.git.commit": "2",
        "team": "t",
        "mlflow.docker.image.name": "i2",
        "podium.sweep": "s1",
    },
    datasets=[DatasetName("train", "d2")],
)


def test_everything_a_run_has_and_what_differs_of_it() -> None:
    packages = {A.run_id: {"python": "==3.12.1", "numpy": "==2.1"}, B.run_id: {"numpy": "==2.2"}}
    found = {each.title: each for each in sections([A, B], packages)}
    assert {title: [line.key for line in each.differing] for title, each in found.items()} == {
        "Params": ["lr", "only"],
        "Metrics": ["loss"],
        "Code": ["mlflow.source.git.commit"],
        "Environment": ["mlflow.docker.image.name", "python", "numpy"],
        "Data sets": ["train"],
        "Tags": [],
        "Run": ["podium.sweep"],
    }
    [only] = [line for line in found["Params"].lines if line.key == "only"]
    assert only.values == (None, "b")
    assert [line.values for line in found["Metrics"].differing] == [("NaN", "1")]


def test_what_is_drawn_are_numbers_where_all_are() -> None:
    found = json.loads(drawn([A, B]))
    assert [run["name"] for run in found["runs"]] == ["a", "b"]
    axes = {axis["name"]: axis["values"] for axis in found["axes"]}
    assert axes == {"lr": [0.1, 0.2], "only": [None, "b"], "loss": [None, 1.0]}, (
        "equal ones are no axis, and NaN is no number"
    )


@pytest.fixture
def runs(rest: Api) -> list[str]:
    made = []
    for number in range(3):
        run = rest.post("/runs/create", experiment_id="0", run_name=f"run-{number}")["run"]
        made.append(run["info"]["run_id"])
        params = [{"key": "lr", "value": str(number)}, {"key": "same", "value": "yes"}]
        metrics = [{"key": "loss", "value": number, "timestamp": 1, "step": 0}]
        rest.post("/runs/log-batch", run_id=made[-1], params=params, metrics=metrics)
    return made


def keys(html: str) -> list[str]:
    return [each["title"] for each in elements(html).tags("th") if "title" in each]


def test_only_differences_or_everything(pages: FlaskClient, runs: list[str]) -> None:
    asked = {"run": [*runs, runs[0]]}
    html = pages.get("/compare", query_string=asked).get_data(as_text=True)
    assert "<h1>Compare 3 runs</h1>" in html
    assert "same" not in keys(html)
    assert {"lr", "loss"} <= set(keys(html))
    everything = pages.get("/compare", query_string={**asked, "all": "1"}).get_data(as_text=True)
    assert "same" in keys(everything)


def test_packages_and_the_python_that_runs_and_their_models_recorded(
    pages: FlaskClient, rest: Api, runs: list[str]
) -> None:
    """Each where MLflow's clients of some age have put it: the run, its folder model, its model."""
    files = "/api/2.0/mlflow-artifacts/artifacts"
    made = rest.post("/logged-models", experiment_id="0", name="net", source_run_id=runs[2])
    model_id = made["model"]["info"]["model_id"]
    rest.post("/runs/outputs", run_id=runs[2], models=[{"model_id": model_id, "step": 0}])
    for place, name, text in (
        (f"0/{runs[0]}/artifacts", "requirements.txt", "numpy==2.1\n"),
        (f"0/{runs[1]}/artifacts/model", "python_env.yaml", "python: 3.11.9\n"),
        (f"0/models/{model_id}/artifacts", "requirements.txt", "numpy==2.2\n"),
        (f"0/models/{model_id}/artifacts", "python_env.yaml", "python: 3.12.1\n"),
    ):
        assert pages.put(f"{files}/{place}/{name}", data=text.encode()).status_code == 200
    rest.post("/runs/set-tag", run_id=runs[0], key="podium.crashed", value="1")
    html = pages.get("/compare", query_string={"run": runs}).get_data(as_text=True)
    table = re.sub(r"<[^>]+>|\s+", " ", html.partition("Environment")[2].partition("</tbody>")[0])
    told = table.replace("\N{EN DASH}", "none").split()
    assert told == ["python", "none", "==3.11.9", "==3.12.1", "numpy", "==2.1", "none", "==2.2"]
    source = pages.get(f"/runs/{runs[2]}/source").get_data(as_text=True)
    assert f"/logged-models/{model_id}?path=requirements.txt" in source
    assert "==3.12.1" in source


def test_a_store_that_is_away_leaves_the_rest_to_compare(
    pages: FlaskClient, runs: list[str], store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("The bucket does not answer.")

    monkeypatch.setattr(type(store), "stat", away)
    answer = pages.get("/compare", query_string={"run": runs})
    assert answer.status_code == 200
    assert "What the runs ran in could not be read" in answer.get_data(as_text=True)


def test_whether_any_goes_on_is_told_without_the_page(
    pages: FlaskClient, rest: Api, runs: list[str]
) -> None:
    going = "/compare/going"
    assert "data-running" in pages.get(going, query_string={"run": runs}).get_data(as_text=True)
    for run_id in runs:
        rest.post("/runs/update", run_id=run_id, status="FINISHED")
    assert "data-running" not in pages.get(going, query_string={"run": runs}).get_data(as_text=True)


def test_runs_that_are_not_there(pages: FlaskClient, runs: list[str]) -> None:
    html = pages.get("/compare", query_string={"run": [runs[0], "0" * 32]}).get_data(as_text=True)
    assert "1 of the runs that were asked for are not there" in html
    assert "Nothing to compare" in pages.get("/compare").get_data(as_text=True)


def test_no_more_than_a_hundred(pages: FlaskClient) -> None:
    answer = pages.get("/compare", query_string={"run": [f"{n:032x}" for n in range(101)]})
    assert answer.status_code == 400
    assert "100 can be compared" in answer.get_data(as_text=True)


def test_the_metrics_that_are_drawn_are_chosen(pages: FlaskClient, runs: list[str]) -> None:
    html = pages.get("/compare", query_string={"run": runs}).get_data(as_text=True)
    [figure] = elements(html).tags("figure")
    assert [each["label"] for each in json.loads(figure["data-series"])] == [
        "run-0",
        "run-1",
        "run-2",
    ]
