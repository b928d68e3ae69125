"""What the pages answer: to whom, with which headers, and to input that is wrong or hostile."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from .conftest import elements

HOSTILE = "<script>alert(1)</script>\"'&"


def mlflow(pages: FlaskClient, path: str, **body: Any) -> dict[str, Any]:
    answer = pages.post(f"/api/2.0/mlflow/{path}", json=body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


@pytest.fixture
def run_id(pages: FlaskClient) -> str:
    made = mlflow(pages, "runs/create", experiment_id="0", run_name=HOSTILE)
    run_id: str = made["run"]["info"]["run_id"]
    dataset = {"name": HOSTILE, "digest": HOSTILE, "source_type": HOSTILE, "source": HOSTILE}
    tags = [{"key": "mlflow.data.context", "value": HOSTILE}]
    mlflow(pages, "runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset, "tags": tags}])
    mlflow(
        pages,
        "runs/log-batch",
        run_id=run_id,
        params=[{"key": "p", "value": HOSTILE}],
        tags=[{"key": "t", "value": HOSTILE}, {"key": "mlflow.note.content", "value": HOSTILE}],
        metrics=[{"key": "loss", "value": "NaN", "step": 0, "timestamp": 1}],
    )
    return run_id


def test_what_people_write_is_text_on_every_page(pages: FlaskClient, run_id: str) -> None:
    made = mlflow(pages, "experiments/create", name=HOSTILE)["experiment_id"]
    for path in (
        "/experiments",
        f"/experiments?q={quote(HOSTILE)}",
        f"/experiments/{made}",
        "/experiments/0",
        "/experiments/0?filter=tags.x+=+%22%3Cscript%3E%22",
        "/experiments/0?tab=charts",
        f"/runs/{run_id}",
        *(
            f"/runs/{run_id}/{side}"
            for side in ("metrics", "system", "files", "logs", "source", "lineage")
        ),
        f"/runs/{run_id}?q=%3Cscript%3E&group=%22%3E%3Cscript%3E&along=%3Cscript%3E&from=%3Cscript%3E",
        f"/models/{HOSTILE}",
    ):
        html = pages.get(path).get_data(as_text=True)
        assert "<script>" not in html, path
        assert all("alert" not in str(each) for each in elements(html).tags("script")), path


@pytest.mark.parametrize("path", ["/experiments", "/experiments/0", "/models", "/models/digits"])
def test_headers_of_every_page(pages: FlaskClient, path: str) -> None:
    headers = pages.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"filter": "metrics.loss <"}, "filter"),
        ({"filter": "nothing at all"}, "nothing"),
        ({"order": "sideways"}, "order"),
        ({"order": "metrics.x up"}, "order"),
        ({"page": "not a token"}, "page"),
        ({"column": "nothing"}, "column"),
    ],
)
def test_a_wrong_address_of_an_experiment(
    pages: FlaskClient, query: dict[str, str], says: str
) -> None:
    answer = pages.get("/experiments/0", query_string=query)
    assert answer.status_code == 400
    html = answer.get_data(as_text=True)
    [alert] = [each for each in elements(html).tags("div") if each.get("role") == "alert"]
    assert "hidden" not in alert
    assert says in html
    assert "<h1>Default</h1>" in html, "the page around it stands"


@pytest.mark.parametrize(
    "path",
    ["/experiments/999", "/experiments/abc", f"/runs/{'0' * 32}", "/runs/..%2f..", "/nothing"],
)
def test_what_is_not_there(pages: FlaskClient, path: str) -> None:
    answer = pages.get(path)
    assert answer.status_code in (400, 404)
    assert answer.mimetype == "text/html"
    assert "All experiments" in answer.get_data(as_text=True)
    asked_by_a_program = pages.get(path, headers={"Accept": "application/json"})
    assert asked_by_a_program.get_json()["error_code"]


@pytest.mark.parametrize("path", ["../secret", "%2e%2e/x", "a\\b", "/etc/passwd", "a\0b", "file:x"])
def test_paths_that_leave_the_run(pages: FlaskClient, run_id: str, path: str) -> None:
    answer = pages.get(f"/runs/{run_id}/files", query_string={"path": path})
    assert answer.status_code == 400
    assert "path" in answer.get_data(as_text=True)


def test_a_fragment_for_htmx_and_a_page_for_everybody_else(pages: FlaskClient, run_id: str) -> None:
    path = f"/runs/{run_id}/files"
    assert "<html" in pages.get(path).get_data(as_text=True)
    fragment = pages.get(path, headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "<html" not in fragment
    assert 'id="files"' in fragment


def test_a_file_is_shown_as_text_and_never_as_a_page(pages: FlaskClient, run_id: str) -> None:
    pages.put(
        f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/evil.html",
        input_stream=io.BytesIO(b"<script>alert(1)</script>"),
        headers={"Content-Length": "25"},
    )
    html = pages.get(f"/runs/{run_id}/files?path=evil.html").get_data(as_text=True)
    assert "&lt;script&gt;alert(1)" in html
    with pages.get(f"/get-artifact?run_id={run_id}&path=evil.html") as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("cookie", "theme"), [("dark", "dark"), ("x' onload='", "system")])
def test_the_theme_is_one_of_three(pages: FlaskClient, cookie: str, theme: str) -> None:
    pages.set_cookie("theme", cookie)
    [html] = elements(pages.get("/models").get_data(as_text=True)).tags("html")
    assert html["data-theme"] == theme


def test_a_run_with_a_metric_that_is_no_number(pages: FlaskClient, run_id: str) -> None:
    assert "NaN" in pages.get(f"/runs/{run_id}").get_data(as_text=True)
    assert "NaN" in pages.get(f"/runs/{run_id}/metrics").get_data(as_text=True)
    assert "NaN" in pages.get("/experiments/0").get_data(as_text=True)


def test_a_run_shows_what_it_has_read_and_made(pages: FlaskClient) -> None:
    run_id = mlflow(pages, "runs/create", experiment_id="0")["run"]["info"]["run_id"]
    assert "Data sets" not in pages.get(f"/runs/{run_id}/lineage").get_data(as_text=True)
    made, read = (
        mlflow(pages, "logged-models", experiment_id="0", name=name)["model"]["info"]["model_id"]
        for name in ("classifier", "teacher")
    )
    mlflow(pages, "runs/outputs", run_id=run_id, models=[{"model_id": made, "step": 7}])
    models = [{"model_id": made}, {"model_id": read}]
    mlflow(pages, "runs/log-inputs", run_id=run_id, models=models)
    dataset = {"name": "digits", "digest": "d1", "source_type": "local", "source": "a.csv"}
    mlflow(pages, "runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset}])
    texts = elements(pages.get(f"/runs/{run_id}/lineage").get_data(as_text=True)).texts
    assert ("th", "digits") in texts
    assert {("td", "pending"), ("td", "7"), ("td", "read"), ("td", read)} <= set(texts)


def test_a_name_is_found_whatever_it_holds(pages: FlaskClient) -> None:
    mlflow(pages, "experiments/create", name=HOSTILE)
    html = pages.get("/experiments", query_string={"q": HOSTILE}).get_data(as_text=True)
    assert ("a", HOSTILE) in elements(html).texts


def test_a_defect_is_told_on_a_page(pages: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("podium.tracker.experiments.search_experiments", broken)
    answer = pages.get("/experiments")
    html = answer.get_data(as_text=True)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "secret" not in html
    assert ("h1", "Podium has failed") in elements(html).texts
    assert "Report request id" in html
