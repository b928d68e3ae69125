"""Every MLflow call, with what its description allows and with what it does not: none fails.

What is refused is refused in MLflow's form, and never with an error of the server. Half of the
calls name a run, an experiment and a model that exist, so that they get past the look-up.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from podium.registry.app import create_app
from podium.tracker.artifacts import open_store
from podium.tracker.config import Config
from podium.tracker.openapi import document
from schemathesis import Case, GenerationMode

from ..api import Api

_EXAMPLES = 40
_NOT_THERE = 501  # "this server has no such thing" is an answer


def _calls() -> list[tuple[str, str]]:
    """Of the routes alone: nothing is opened."""
    config = Config(database_url="sqlite:////nowhere/podium.db", artifacts="/nowhere")
    paths = document(create_app(config))["paths"]
    return [(path, method) for path, methods in paths.items() for method in sorted(methods)]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[FlaskClient]:
    folder = tmp_path_factory.mktemp("fuzz")
    database = folder / "podium.db"
    database.write_bytes(sqlite_template.read_bytes())
    config = Config(database_url=f"sqlite:///{database}", artifacts=str(folder / "files"))
    app = create_app(config, store=open_store(config.artifacts, None))
    yield app.test_client()
    app.extensions["podium"].db.close()


@pytest.fixture(scope="module")
def existing(server: FlaskClient) -> Mapping[str, Any]:
    """What the fields of a call may name that is there."""
    api = Api(server)
    run_id = api.create_run(run_name="fuzzed")
    api.post("/runs/log-metric", run_id=run_id, key="loss", value=0.5, timestamp=1)
    api.post("/registered-models/create", name="fuzzed")
    api.post("/model-versions/create", name="fuzzed", source=f"runs:/{run_id}/model")
    logged = api.post("/logged-models", experiment_id="0")["model"]["info"]["model_id"]
    return {
        "run_id": run_id,
        "run_ids": [run_id],
        "experiment_id": "0",
        "experiment_ids": ["0"],
        "model_id": logged,
        "name": "fuzzed",
        "version": "1",
    }


@pytest.mark.parametrize(("path", "method"), _calls())
def test_no_call_fails(
    server: FlaskClient, existing: Mapping[str, Any], path: str, method: str
) -> None:
    described = schemathesis.openapi.from_dict(document(server.application))
    operation = described[path][method.upper()]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))

    @settings(max_examples=_EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(cases, st.booleans())
    def call(case: Case[Any], known: bool) -> None:
        sent = _request(case, existing if known else {})
        answer = server.open(method=method.upper(), **sent)
        assert answer.status_code < 500 or answer.status_code == _NOT_THERE, sent
        if answer.status_code >= 400:
            assert {"error_code", "message"} <= set(answer.get_json()), sent
            assert answer.get_json()["message"], sent

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of schemathesis about shapes it has no opposite for
        call()


def _request(case: Case[Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The case as Flask's test client takes it."""
    made = case.as_transport_kwargs(base_url="http://localhost")
    sent: dict[str, Any] = {
        "path": made["url"].removeprefix("http://localhost"),
        "query_string": _named(made.get("params") or {}, known),
    }
    if "json" in made:
        sent["json"] = _named(made["json"], known)
    elif made.get("data") is not None:
        sent["data"] = made["data"]
    return sent


def _named(fields: Any, known: Mapping[str, Any]) -> Any:
    if not isinstance(fields, Mapping):
        return fields
    return {name: known.get(name, value) for name, value in fields.items()}
