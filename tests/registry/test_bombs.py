"""Small questions that would cost much: refused, or answered, in little time, and never a 500."""

from __future__ import annotations

import gzip
import resource
import time

import pytest
from flask.testing import FlaskClient

API = "/api/2.0/mlflow"
DEEP = 100_000
SECONDS = 2.0  # of processor time, on a slow machine; what explodes takes minutes
MEMORY = 64 * 1024  # KiB by which the most that the process ever had may grow


def check_cheap(
    http: FlaskClient, method: str, path: str, statuses: set[int], **sent: object
) -> None:
    had = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.thread_time()
    answer = http.open(path, method=method, **sent)  # type: ignore[arg-type]
    took = time.thread_time() - begun
    assert answer.status_code in statuses, answer.get_data(as_text=True)[:300]
    assert took < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - had < MEMORY


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"tags":' * DEEP + b"1" + b"}" * DEEP,
        b'{"name":"x","tags":' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"name":' + b"9" * 1_000_000 + b"}",
        b"{" + b",".join(b'"k%d":1' % number for number in range(100_000)) + b"}",
        b"".join([gzip.compress(b" " * 1_000_000)] * 500),  # which is one stream as well
    ],
    ids=["open", "arrays", "objects", "a field", "a number", "many keys", "compressed"],
)
def test_a_body(pages: FlaskClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    if body[:2] == b"\x1f\x8b":
        headers["Content-Encoding"] = "gzip"
    for path in (f"{API}/experiments/create", "/api/v1/models/x/promotions"):
        check_cheap(pages, "POST", path, {400, 404, 413, 415, 422}, data=body, headers=headers)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000,
        "(" * 2_000 + "name = 'x'" + ")" * 2_000,
        "NOT " * 5_000 + "name = 'x'",
        " AND ".join(["name = 'x'"] * 5_000),
        " OR ".join(["name = 'x'"] * 5_000),
        "name LIKE '" + "%a" * 5_000 + "'",
        "name = '" + "a" * 60_000,
        "name IN (" + ",".join(["'x'"] * 20_000) + ")",
        "`" * 50_000,
        "a" * 60_000,
    ],
    ids=["open", "nested", "not", "and", "or", "like", "string", "in", "quotes", "word"],
)
def test_a_filter(pages: FlaskClient, text: str) -> None:
    asked = {"filter": text, "max_results": 5}
    for kind in ("experiments", "runs"):
        sent = {"json": {**asked, "experiment_ids": ["0"]}}
        check_cheap(pages, "POST", f"{API}/{kind}/search", {200, 400}, **sent)
    for kind in ("registered-models", "model-versions"):
        query = {"query_string": asked}
        check_cheap(pages, "GET", f"{API}/{kind}/search", {200, 400}, **query)


@pytest.mark.parametrize("glob", ["*a" * 100 + "b", "*" * 250, "[a-" * 80, "(a+)+$"])
def test_a_pattern_of_models(pages: FlaskClient, glob: str) -> None:
    """Held against the name that makes backtracking explode, if anything does."""
    pages.put(f"/api/v1/models/{glob}/policies/Production", json={"approvals": 1})
    name = "a" * 250
    pages.post(f"{API}/registered-models/create", json={"name": name})
    check_cheap(pages, "GET", f"/models/{name}", {200})


@pytest.mark.parametrize("alias", ["a" * 100_000, "v" + "1" * 50_000])
def test_an_alias(pages: FlaskClient, alias: str) -> None:
    pages.post(f"{API}/registered-models/create", json={"name": "m"})
    body = {"name": "m", "alias": alias, "version": "1"}
    check_cheap(pages, "POST", f"{API}/registered-models/alias", {400, 404}, json=body)
