"""Bodies parsed at the edge, errors turned into answers, and no body that is answered by a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, abort
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium.client.errors import Unavailable
from podium.tracker.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth.permissions import PUBLIC, allow
from podium.tracker.config import Config
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from ..api import Api, Json

CREATE = "/api/2.0/mlflow/experiments/create"


@pytest.fixture
def tracker(sqlite_url: str, store: ArtifactStore) -> Iterator[Flask]:
    app = create_app(Config(database_url=sqlite_url, artifacts="unused"), store=store)
    yield app
    app.extensions["podium"].db.close()


@pytest.fixture
def local(tracker: Flask) -> Api:
    return Api(tracker.test_client())


def send(
    api: Api, data: bytes, content_type: str | None = "application/json", path: str = CREATE
) -> TestResponse:
    return api.http.post(path, data=data, content_type=content_type)


def refusal(answer: TestResponse) -> Json:
    body = answer.json
    assert isinstance(body, dict)
    assert set(body) == {"error_code", "message"}
    assert answer.mimetype == "application/json"
    assert answer.headers["X-Request-Id"]
    return body


class TestBodies:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"{", "The body is not JSON: "),
            (b'{"name": "a",}', "at line 1, column 14"),
            (b"[]", "must be a JSON object"),
            (b"3", "must be a JSON object"),
            (b"null", "must be a JSON object"),
            (b'"text"', "The body is not JSON"),
            (rb'"\ud800"', "The body is not JSON"),
            (b'"[1]"', "must be a JSON object"),
            (b'{"name": "\xff"}', "The body is not UTF-8"),
            (b'{"name": NaN}', 'NaN is not JSON: write it as a string, "NaN"'),
            (b'{"name": -Infinity}', "-Infinity is not JSON"),
            (b"[" * 100_000, "The body cannot be read as JSON"),
            (b'{"name": ' + b"9" * 5000 + b"}", "The body cannot be read as JSON"),
            (rb'{"name": "\ud800"}', "parameter 'name'"),
            (rb'{"name": "a\u0000"}', "parameter 'name'"),
            (b'{"name": "a", "artifact_location": "b", "artifactLocation": "c"}', "given twice"),
            (b"", "Missing value for required parameter 'name'."),
        ],
    )
    def test_what_is_wrong_is_said(self, local: Api, data: bytes, message: str) -> None:
        answer = send(local, data)
        assert (answer.status_code, refusal(answer)["error_code"]) == (
            400,
            "INVALID_PARAMETER_VALUE",
        )
        assert message in refusal(answer)["message"]

    @pytest.mark.parametrize(
        "data",
        [
            b'{"name": "a"}',
            b'\xef\xbb\xbf{"name": "a"}',
            '{"name": "a"}'.encode("utf-16"),
            json.dumps(json.dumps({"name": "a"})).encode(),
            b'{"name": "a", "artifact_location": null, "unknown": [{}], "x\\u0000": 1}',
            b'{"name": "a", "artifactLocation": "mlflow-artifacts:/a"}',
        ],
    )
    def test_what_is_understood(self, local: Api, data: bytes) -> None:
        assert send(local, data).json == {"experiment_id": "1"}

    @pytest.mark.parametrize(
        "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
    )
    def test_a_page_elsewhere_cannot_send_it(self, local: Api, content_type: str) -> None:
        """These types a browser sends to any site without asking that site first."""
        answer = send(local, b'{"name": "a"}', content_type)
        assert answer.status_code == 400
        assert refusal(answer)["message"] == (
            "Bad Request. Content-Type must be one of ['application/json']."
        )
        assert send(local, b'{"name": "a"}', None).status_code == 400
        assert send(local, b'{"name": "a"}', "application/json; charset=utf-8").status_code == 200

    def test_a_larger_body_is_not_read(self, local: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("podium.tracker.rest.MAX_JSON", 100)
        answer = send(local, b" " * 101)
        assert answer.status_code == 413
        assert "larger than 100 bytes" in refusal(answer)["message"]


class TestErrors:
    def test_no_such_endpoint(self, local: Api) -> None:
        for path in ("/api/2.0/mlflow/nothing", "/api/nothing", "/api/9.0/mlflow/runs/create"):
            answer = local.http.post(path)
            assert answer.status_code == 404
            assert refusal(answer) == {
                "error_code": "ENDPOINT_NOT_FOUND",
                "message": f"No endpoint POST {path}.",
            }

    def test_another_method(self, local: Api) -> None:
        answer = local.http.get(CREATE)
        assert (answer.status_code, refusal(answer)["error_code"]) == (405, "BAD_REQUEST")
        assert "POST" in answer.headers["Allow"]
        assert "not GET" in refusal(answer)["message"]

    @pytest.mark.parametrize("status", [400, 401, 408, 413, 415, 418, 429, 431])
    def test_what_werkzeug_refuses_has_the_same_shape(
        self, tracker: Flask, local: Api, status: int
    ) -> None:
        @tracker.get("/api/refuse")
        @allow(PUBLIC)
        def refuse() -> str:
            abort(status, "because")

        answer = local.http.get("/api/refuse")
        assert (answer.status_code, refusal(answer)["message"]) == (status, "because")

    def test_what_passes_says_when_to_come_back(self, tracker: Flask, local: Api) -> None:
        @tracker.get("/api/busy")
        @allow(PUBLIC)
        def busy() -> str:
            raise Unavailable("Not now.", retry_after=0.2)

        answer = local.http.get("/api/busy")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert refusal(answer) == {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "Not now."}

    def test_a_defect_of_ours_tells_only_its_number(
        self, tracker: Flask, local: Api, capsys: pytest.CaptureFixture[str]
    ) -> None:
        @tracker.get("/api/broken")
        @allow(PUBLIC)
        def broken() -> str:
            raise ValueError("the secret")

        answer = local.http.get("/api/broken", headers={"X-Request-Id": "number-7"})
        assert (answer.status_code, refusal(answer)["error_code"]) == (500, "INTERNAL_ERROR")
        assert "number-7" in refusal(answer)["message"]
        assert "secret" not in answer.get_data(as_text=True)
        assert "the secret" in capsys.readouterr().out


# Names that routes know, so that what hypothesis makes up gets past the first check.
_NAMES = st.text(max_size=5) | st.sampled_from(
    """
    name new_name experiment_id experiment_name experiment_ids run_id run_uuid run_ids run_name
    key value timestamp step metrics params tags metric_key filter order_by max_results page_token
    view_type run_view_type status start_time end_time user_id path num_parts upload_id parts etag
    part_number part_checksums_sha256 content_length checksum_sha256 expiration series width
    artifact_location start_step end_step
    """.split()  # noqa: SIM905  (a list of words is read as words)
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["0", "RUNNING", "ALL", "a/b", "../x", "NaN", "\0", "\ud800", "name = 'a'"])
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=10,
)
_PATHS = st.text(max_size=10) | st.sampled_from(["0", "a/b", "..", "%2e%2e", "\0", "0" * 32])
_WRONG = ("a\0b", "\ud800", "x" * 70_000, -(2**63), 2**63, [None])


class TestNoMistakeIsAnsweredByA5xx:
    """501 is no fault of the server: it says that a folder has no presigned URLs."""

    @settings(max_examples=500, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_any_body_to_any_route(self, api: Api, data: st.DataObject) -> None:
        rule = data.draw(st.sampled_from(_rules(api)), label="rule")
        method = data.draw(st.sampled_from(sorted(rule.methods or ())), label="method")
        path = rule.rule
        for name in sorted(rule.arguments):
            value = quote(data.draw(_PATHS, label=name), safe="/%", errors="replace")
            path = path.replace(f"<{name}>", value).replace(f"<path:{name}>", value)
        body = data.draw(st.dictionaries(_NAMES, _JSON, max_size=8) | _JSON, label="body")
        if isinstance(body, dict) and data.draw(st.booleans(), label="of a run that exists"):
            body |= {"run_id": api.create_run(), "experiment_id": "0", "experiment_ids": ["0"]}
        answer = _ask(api, method, path, body)
        assert answer.status_code < 500 or answer.status_code == 501, answer.text
        if answer.status_code >= 400 and method != "HEAD":
            refusal(answer)
        _restore(api)

    def test_each_field_wrong_in_turn(self, api: Api) -> None:
        run_id = api.create_run()
        right: Json = {
            "run_id": run_id,
            "run_ids": [run_id],
            "experiment_id": "0",
            "experiment_ids": ["0"],
            "experiment_name": "Default",
            "new_name": "Default",
            "name": "another",
            "key": "k",
            "value": "1",
            "timestamp": 1,
            "metric_key": "k",
            "max_results": 1,
            "path": "a",
        }
        more = [
            "tags",
            "params",
            "metrics",
            "filter",
            "order_by",
            "page_token",
            "status",
            "user_id",
        ]
        more += ["start_time", "end_time", "run_name", "artifact_location"]
        for rule in _rules(api):
            if rule.arguments or rule.rule.startswith("/ajax-api"):
                continue
            method = "GET" if "GET" in (rule.methods or ()) else "POST"
            for name in (*right, *more):
                for value in _WRONG:
                    status = _ask(api, method, rule.rule, {**right, name: value}).status_code
                    assert status < 500 or status == 501, (rule.rule, name, value)
            api.post("/runs/restore", run_id=run_id)
            _restore(api)

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(data=st.binary(max_size=200))
    def test_any_bytes(self, api: Api, data: bytes) -> None:
        for path in (CREATE, "/api/v1/charts"):
            assert send(api, data, path=path).status_code in (200, 400)


def _rules(api: Api) -> list[Rule]:
    rules = api.http.application.url_map.iter_rules()
    return [rule for rule in rules if rule.rule.startswith(("/api", "/ajax-api", "/get-artifact"))]


def _ask(api: Api, method: str, path: str, body: Any) -> TestResponse:
    """The body as JSON and, as far as it can be one, as the query."""
    query = body if isinstance(body, dict) and method in ("GET", "HEAD") else {}
    return api.http.open(
        path,
        method=method,
        data=json.dumps(body).encode(),
        query_string={_plain(name): _plain(value) for name, value in query.items()},
        content_type="application/json",
        buffered=True,
    )


def _plain(value: object) -> str | list[str]:
    if isinstance(value, list):
        return [str(each).encode(errors="replace").decode() for each in value]
    return str(value).encode(errors="replace").decode()


def _restore(api: Api) -> None:
    """Experiment 0, if what was asked was to delete it: the next body should find it."""
    found = api.get("/experiments/get", experiment_id="0")["experiment"]
    if found["lifecycle_stage"] == "deleted":
        api.post("/experiments/restore", experiment_id="0")


@pytest.mark.parametrize("number", [2**63, 2**65, 10**40])
def test_under_a_number_that_no_row_has_is_nothing(api: Api, number: int) -> None:
    answer = api.http.delete(f"/api/v1/retention/{number}")
    assert answer.status_code == 404
