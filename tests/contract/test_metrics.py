"""Metrics and their histories through the stock client."""

from __future__ import annotations

import math

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException


def history(client: MlflowClient, run_id: str, key: str) -> list[tuple[float, int, int]]:
    return [(m.value, m.timestamp, m.step) for m in client.get_metric_history(run_id, key)]


def test_a_history(client: MlflowClient, run_id: str) -> None:
    client.log_metric(run_id, "loss", 0.5, timestamp=30, step=1)
    client.log_metric(run_id, "loss", 1.0, timestamp=10, step=0)
    client.log_metric(run_id, "loss", 0.25, timestamp=20, step=-1)
    assert history(client, run_id, "loss") == [(1.0, 10, 0), (0.25, 20, -1), (0.5, 30, 1)]
    assert client.get_run(run_id).data.metrics == {"loss": 0.5}
    assert history(client, run_id, "other") == []


def test_the_latest_is_of_the_greatest_step_then_time_then_value(
    client: MlflowClient, run_id: str
) -> None:
    points = [(1.0, 5, 2), (9.0, 9, 1), (3.0, 5, 2), (2.0, 4, 2)]
    client.log_batch(run_id, [Metric("m", value, time, step) for value, time, step in points])
    assert client.get_run(run_id).data.metrics == {"m": 3.0}


def test_the_same_point_twice_is_one_point(client: MlflowClient, run_id: str) -> None:
    for _ in range(3):
        client.log_metric(run_id, "loss", 0.5, timestamp=1, step=1)
    assert history(client, run_id, "loss") == [(0.5, 1, 1)]


def test_values_that_are_no_finite_numbers(client: MlflowClient, run_id: str) -> None:
    points = [("nan", math.nan), ("inf", math.inf), ("-inf", -math.inf), ("tiny", 5e-324)]
    client.log_batch(run_id, [Metric(key, value, 1, 0) for key, value in points])
    found = client.get_run(run_id).data.metrics
    assert math.isnan(found.pop("nan"))
    # MLflow's own server answers the largest finite number for an infinity.
    assert found == {"inf": math.inf, "-inf": -math.inf, "tiny": 5e-324}
    [(value, _, _)] = history(client, run_id, "nan")
    assert math.isnan(value)


def test_a_history_of_more_than_one_page(client: MlflowClient, run_id: str) -> None:
    for first in range(0, 30_000, 1000):
        steps = range(first, first + 1000)
        client.log_batch(run_id, [Metric("loss", float(step), step, step) for step in steps])
    found = history(client, run_id, "loss")
    assert len(found) == 30_000
    assert found == [(float(step), step, step) for step in range(30_000)]


def test_a_time_before_1970_is_refused(client: MlflowClient, run_id: str) -> None:
    with pytest.raises(MlflowException) as refused:
        client.log_metric(run_id, "loss", 1.0, timestamp=-1)
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    assert client.get_run(run_id).data.metrics == {}


def test_more_than_fits_in_one_request(client: MlflowClient, run_id: str) -> None:
    client.log_batch(run_id, [Metric("loss", 1.0, step, step) for step in range(2500)])
    assert len(history(client, run_id, "loss")) == 2500
