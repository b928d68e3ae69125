"""Runs side by side: what differs is told, of everything a run has."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from flask.testing import FlaskClient
from podium.client.entities import LifecycleStage, RunStatus
from podium.registry.web.comparison import drawn, sections
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
    tags={"mlflow.source.git.commit": "2", "team": "t", "mlflow.docker.image.name": "i2"},
    datasets=[DatasetName("train", "d2")],
)


def test_everything_a_run_has_and_what_differs_of_it() -> None:
    found = {each.title: each for each in sections([A, B])}
    assert {title: [line.key for line in each.differing] for title, each in found.items()} == {
        "Params": ["lr", "only"],
        "Metrics": ["loss"],
        "Code": ["mlflow.source.git.commit"],
        "Environment": ["mlflow.docker.image.name"],
        "Data sets": ["train"],
        "Tags": [],
        "Run": [],
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
