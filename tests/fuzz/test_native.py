"""Every call of the native API, with what its description allows and with what it does not: none
fails, and each is answered as the description says.

Half of the calls name a model, a version, a request, a webhook that exist.
"""

from __future__ import annotations

import ipaddress
import itertools
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium.registry.app import create_app
from podium.registry.webhooks.spread import spread
from podium.tracker.artifacts import open_store
from podium.tracker.clock import now_ms
from podium.tracker.config import Config
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ..api import Api, Json

_EXAMPLES = 12
_DOCUMENT = "/api/v1/openapi.json"
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_numbers = itertools.count()


def _calls() -> list[tuple[str, str]]:
    """Of the routes alone: nothing is opened."""
    config = Config(database_url="sqlite:////nowhere/podium.db", artifacts="/nowhere")
    paths = create_app(config).test_client().get(_DOCUMENT).get_json()["paths"]
    return [
        (path, method)
        for path, methods in paths.items()
        for method in methods
        if method != "parameters"
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("fuzz")
    database = folder / "podium.db"
    database.write_bytes(sqlite_template.read_bytes())
    config = Config(
        database_url=f"sqlite:///{database}",
        artifacts=str(folder / "files"),
        webhook_allow=(ipaddress.ip_network("127.0.0.0/8"),),
        secret_keys=("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=",),
    )
    app = create_app(config, store=open_store(config.artifacts, None))
    yield app
    app.extensions["podium"].db.close()


@pytest.fixture(scope="module")
def standing(server: Flask) -> Mapping[str, Any]:
    return _make(server)


@pytest.fixture
def existing(server: Flask, standing: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    """What the fields and paths of a call may name that is there; new where it may be changed."""
    return standing if method == "get" else _make(server)


def _make(server: Flask) -> Mapping[str, Any]:
    client = server.test_client()
    name = f"fuzzed-{next(_numbers)}"
    api = Api(client)
    api.post("/registered-models/create", name=name)
    source = f"runs:/{api.create_run()}/model"
    for _ in range(2):
        api.post("/model-versions/create", name=name, source=source)
    models = f"/api/v1/models/{name}"
    _send(client, "put", f"{models}/policies/Production", approvals=1)
    url = "http://127.0.0.1:9/hook"  # where nobody listens
    hook = _send(client, "post", "/api/v1/webhooks", name=name, url=url)["webhook_id"]
    for version in ("1", "2"):
        _send(client, "post", f"{models}/promotions", version=version, stage="Staging")
    asked = _send(client, "post", f"{models}/promotions", version="2", stage="Production")
    spread(server.extensions["podium"].db, now_ms())
    [delivery, *_] = _send(client, "get", f"/api/v1/webhooks/{hook}/deliveries")["deliveries"]
    frozen = _send(client, "post", f"{models}/freezes", reason="fuzz", stage="Archived")
    return {
        "name": name,
        "version": "2",
        "before": "1",
        "after": "2",
        "stage": "Production",
        "status": None,
        "page_token": None,
        "request_id": asked["id"],
        "freeze_id": frozen["id"],
        "webhook_id": hook,
        "delivery_id": delivery["delivery_id"],
        "url": url,
    }


@pytest.mark.parametrize(("path", "method"), _calls())
def test_no_call_fails(server: Flask, existing: Mapping[str, Any], path: str, method: str) -> None:
    operation = schemathesis.openapi.from_wsgi(_DOCUMENT, server)[path][method.upper()]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(max_examples=_EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(cases, st.booleans())
    def call(case: Case[Any], known: bool) -> None:
        if known:
            case.path_parameters = _named(case.path_parameters, existing)
            case.query = _named(case.query, existing)
            case.body = _named(case.body, existing)
        answer = case.call()
        case.validate_response(answer, checks=_CHECKS)
        if answer.status_code >= 400:
            told = answer.json()
            assert set(told) >= {"error_code", "message"}
            assert told["message"]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of schemathesis about shapes it has no opposite for
        call()


def _named(fields: Any, known: Mapping[str, Any]) -> Any:
    """With what exists for what is named; None in its place leaves the field out."""
    if not isinstance(fields, Mapping):
        return fields
    found = {name: known.get(name, value) for name, value in fields.items()}
    return {name: value for name, value in found.items() if name not in known or value is not None}


def _send(client: FlaskClient, method: str, path: str, **fields: Any) -> Json:
    answer = client.open(path, method=method, json=fields)
    assert answer.status_code < 300, answer.json
    found: Json = answer.get_json()
    return found
