"""All rows of a table, as files and as lines for a notebook."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from podium.registry.web.asked import Asked
from podium.registry.web.snippet import snippet
from podium.tracker.runs import table
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from ..api import Api

OURS = {"Origin": "http://localhost"}
COLUMNS = ["metrics.loss", "min(metrics.loss)", "params.p", "attributes.start_time"]


@pytest.fixture
def runs(rest: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_AT_ONCE", 2)  # so that five runs are several pages
    for number, text in enumerate(["=1+1", "-1", "@x", 'a "b",\nc', "+"]):
        made = rest.post(
            "/runs/create", experiment_id="0", run_name=f"r{number}", start_time=number
        )
        metrics = [
            {"key": "loss", "value": value, "timestamp": 1, "step": step}
            for step, value in enumerate([0.1, "NaN" if number == 4 else number / 3])
        ]
        params = [{"key": "p", "value": text}]
        run_id = made["run"]["info"]["run_id"]
        rest.post("/runs/log-batch", run_id=run_id, metrics=metrics, params=params)


@pytest.mark.usefixtures("runs")
def test_csv(pages: FlaskClient) -> None:
    query = {"column": COLUMNS, "order": "attributes.start_time asc", "filter": "metrics.loss > -1"}
    answer = pages.get("/experiments/0/runs.csv", query_string=query)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    head, *rows = csv.reader(io.StringIO(answer.get_data(as_text=True)))
    assert head == [
        "run_id",
        "run_name",
        "metrics.loss",
        "min(metrics.loss)",
        "params.p",
        "start_time",
    ]
    assert [row[1] for row in rows] == ["r0", "r1", "r2", "r3"], "all pages, and the filter holds"
    assert [float(row[2]) for row in rows] == [0.0, 1 / 3, 2 / 3, 1.0], "with all digits"
    assert rows[1][3] == "0.1"
    # What a spreadsheet would compute is marked as text; numbers and quotes stay.
    assert [row[4] for row in rows] == ["'=1+1", "-1", "'@x", 'a "b",\nc']
    assert rows[2][5] == "1970-01-01T00:00:00.002+00:00"


@pytest.mark.usefixtures("runs")
def test_parquet(pages: FlaskClient) -> None:
    with pages.get("/experiments/0/runs.parquet", query_string={"column": COLUMNS}) as answer:
        found = pq.read_table(io.BytesIO(answer.get_data())).to_pylist()
    assert [row["run_name"] for row in found] == ["r4", "r3", "r2", "r1", "r0"]
    assert math.isnan(found[0]["metrics.loss"])
    assert found[4]["params.p"] == "=1+1"
    assert found[2]["start_time"] == 2


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_wrong_is_refused_at_once(pages: FlaskClient, kind: str) -> None:
    assert pages.get(f"/experiments/0/runs.{kind}?filter=metrics.loss+<").status_code == 400
    assert pages.get(f"/experiments/99/runs.{kind}").status_code == 404


@pytest.mark.usefixtures("runs")
def test_parquet_of_nothing(pages: FlaskClient) -> None:
    query = {"filter": "params.p = 'no'", "column": "metrics.loss"}
    with pages.get("/experiments/0/runs.parquet", query_string=query) as answer:
        assert pq.read_table(io.BytesIO(answer.get_data())).num_rows == 0


def ticked(pages: FlaskClient, kind: str, runs: list[str], **query: Any) -> TestResponse:
    path = f"/experiments/0/selection/runs.{kind}"
    return pages.post(path, query_string=query, data={"run": runs}, headers=OURS)


@pytest.mark.usefixtures("runs")
def test_those_that_are_ticked_and_no_others(pages: FlaskClient) -> None:
    query = {"column": COLUMNS, "order": "attributes.start_time asc"}
    whole = pages.get("/experiments/0/runs.csv", query_string=query).get_data(as_text=True)
    ids = [row[0] for row in list(csv.reader(io.StringIO(whole)))[1:]]
    # A filter may hide what was ticked before.
    asked = {**query, "filter": "params.p = 'none'"}
    text = ticked(pages, "csv", [ids[3], ids[0]], **asked).get_data(as_text=True)
    head, *rows = csv.reader(io.StringIO(text))
    assert (head[2], [row[1] for row in rows]) == ("metrics.loss", ["r0", "r3"])
    with ticked(pages, "parquet", ids[1:], **query) as answer:
        found = pq.read_table(io.BytesIO(answer.get_data())).to_pylist()
    assert [row["run_name"] for row in found] == ["r1", "r2", "r3", "r4"]
    lines = ticked(pages, "py", ids[:2], **query)
    assert lines.headers["Content-Disposition"] == 'attachment; filename="runs-0.py"'
    compile(lines.get_data(as_text=True), "snippet", "exec")
    assert f"attributes.run_id IN ('{ids[0]}', '{ids[1]}')" in lines.get_data(as_text=True)


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("kind", ["csv", "parquet", "py"])
def test_a_wrong_choice_is_refused(pages: FlaskClient, kind: str) -> None:
    for runs in ([], ["x') OR ('1' = '1"], [f"{number:032x}" for number in range(1001)]):
        answer = ticked(pages, kind, runs)
        assert answer.status_code == 400
        assert "Tick between 1 and 1000 runs" in answer.get_data(as_text=True)


@pytest.mark.usefixtures("runs")
def test_as_many_as_can_be_ticked(pages: FlaskClient) -> None:
    with ticked(pages, "csv", [f"{number:032x}" for number in range(1000)]) as answer:
        assert answer.status_code == 200
        assert len(answer.get_data(as_text=True).splitlines()) == 1


def test_lines_for_a_notebook_are_python_whatever_is_in_them() -> None:
    args = MultiDict([("filter", "params.p = 'it''s \"x\"'"), ("column", "params.p")])
    text = snippet(Asked.read("/experiments/1", args), "1", "a'b\\", "http://host")
    compile(text, "snippet", "exec")
    assert repr("params.p = 'it''s \"x\"'") in text
    assert "order_by=['attributes.start_time DESC']" in text
    assert "reindex(columns=['run_id', 'params.p'])" in text
