"""What is compressed on its way to a browser, and for whom it is not."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

from ..api import Api

OURS = {"Accept-Encoding": "gzip, deflate, br", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_page_is_for_its_reader(pages: FlaskClient, site: str) -> None:
    asked = {**OURS, "Sec-Fetch-Site": site}
    answer = pages.get("/experiments", headers=asked)
    assert answer.headers["Content-Encoding"] == "gzip"
    whole = pages.get("/experiments").data
    assert gzip.decompress(answer.data) == whole
    assert answer.content_length == len(answer.data) < len(whole) / 2
    assert {"accept-encoding", "sec-fetch-site", "cookie", "hx-request"} <= {
        each.lower() for each in answer.vary
    }


@pytest.mark.parametrize(
    "asked",
    [
        {**OURS, "Sec-Fetch-Site": "cross-site"},
        {**OURS, "Sec-Fetch-Site": "same-site"},
        {"Accept-Encoding": "gzip"},
        {"Sec-Fetch-Site": "same-origin"},
        {**OURS, "Accept-Encoding": "gzip;q=0"},
    ],
)
def test_a_page_that_another_site_can_ask_for_tells_nothing_by_its_length(
    pages: FlaskClient, asked: dict[str, str]
) -> None:
    answer = pages.get("/experiments?q=guess", headers=asked)
    assert "Content-Encoding" not in answer.headers
    assert b"guess" in answer.data


def test_charts_are(rest: Api, pages: FlaskClient) -> None:
    run_id = rest.create_run()
    batch = [{"key": "loss", "value": n, "step": n, "timestamp": n} for n in range(300)]
    rest.post("/runs/log-batch", run_id=run_id, metrics=batch)
    asked = {"series": [{"run_id": run_id, "key": "loss"}]}
    answer = pages.post("/api/v1/charts", json=asked, headers=OURS)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == pages.post("/api/v1/charts", json=asked).data


def test_files_and_what_is_short_stay_as_they_are(rest: Api, pages: FlaskClient) -> None:
    run_id = rest.create_run()
    for name, body in {"a.json": b"[" + b"1, " * 1000 + b"2]", "a.html": b"<p>a</p>" * 500}.items():
        path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/{name}"
        assert pages.put(path, data=body).status_code == 200
        with pages.get(path, headers=OURS) as whole:
            assert "Content-Encoding" not in whole.headers
            assert whole.data == body
    framed = pages.get(f"/runs/{run_id}/frame?path=a.html", headers=OURS)
    assert (framed.status_code, framed.headers.get("Content-Encoding")) == (200, None)
    short = pages.get(f"/api/v1/runs/{run_id}/metrics", headers=OURS)
    assert (short.status_code, short.headers.get("Content-Encoding")) == (200, None)
