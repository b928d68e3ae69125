"""Whatever a client sends to the registry's routes, its mistake is no fault of the server."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from podium.registry.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database
from werkzeug.routing import Rule

from ...api import Api, Json

_KINDS = ("/api/2.0/mlflow/registered-models", "/api/2.0/mlflow/model-versions", "/model-versions")
_WRONG = ("a\0b", "\ud800", "x" * 120_000, -1, 2**31, 2**63, 1.5, "", "..")
_RIGHT: Json = {
    "name": "digits",
    "version": "1",
    "source": "models:/digits/1",
    "stage": "Staging",
    "alias": "champion",
    "key": "k",
    "value": "v",
    "new_name": "digits",
    "path": "a",
    "max_results": 1,
}
_FIELDS = (
    *_RIGHT,
    *("tags", "description", "run_id", "model_id", "run_link", "filter", "order_by", "page_token"),
    *("stages", "archive_existing_versions"),
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["models:/digits/1", "digits@champion", "runs:/" + "0" * 32 + "/a", "latest"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@pytest.fixture
def any_api(db: Database, store: ArtifactStore, database_url: str) -> Api:
    config = Config(database_url=database_url, artifacts="unused")
    return Api(create_app(config, db=db, store=store).test_client())


@settings(max_examples=300)
@given(data=st.data())
def test_any_body(any_api: Api, data: st.DataObject) -> None:
    rule, method = data.draw(st.sampled_from(_calls(any_api.http.application)))
    body = data.draw(st.dictionaries(st.sampled_from(_FIELDS), _VALUES, max_size=6))
    _set_up(any_api)
    assert _ask(any_api, rule, method, {**_RIGHT, **body}) < 500


def _calls(app: Flask) -> list[tuple[Rule, str]]:
    return [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.rule.startswith(_KINDS)
    ]


def _set_up(api: Api) -> None:
    """The model that bodies speak of, if what was asked last has removed or renamed it."""
    if api.http.get(f"{_KINDS[0]}/get", query_string={"name": "digits"}).status_code == 404:
        api.post("/registered-models/create", name="digits")
        run_id = api.create_run()
        api.post("/model-versions/create", name="digits", source=f"runs:/{run_id}/model")


def _ask(api: Api, rule: Rule, method: str, body: Json) -> int:
    if method == "GET":
        query = {name: _plain(value) for name, value in body.items()}
        return api.http.get(rule.rule, query_string=query, buffered=True).status_code
    try:
        return api.http.open(rule.rule, method=method, json=body).status_code
    except UnicodeEncodeError:  # no client can send it either
        return 400


def _plain(value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [str(each).encode(errors="replace").decode() for each in value]
    return str(value).encode(errors="replace").decode()
