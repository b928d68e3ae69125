"""The document says what the server does."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from podium.tracker.auth.permissions import permission_of

from ...api import Json


@pytest.fixture
def document(whole: Flask) -> Json:
    found = whole.test_client().get("/api/v1/openapi.json").json
    assert isinstance(found, dict)
    return found


def test_every_route_of_the_blueprints_is_in_it(whole: Flask, document: Json) -> None:
    described = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations.keys() - {"parameters"}
    }
    blueprints = whole.extensions["flask-smorest"]["blp_name_to_api"]
    served = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in whole.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.rpartition(".")[0] in blueprints and rule.rule.startswith("/api/v1/")
    }
    assert described == served
    assert len(served) >= 10


def test_every_answer_and_every_error_has_a_schema(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            responses = operation["responses"]
            assert responses["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}
            assert "422" not in responses
            success = [code for code in responses if code.startswith("2")]
            assert len(success) == 1, f"{method} {path}"
    error = document["components"]["schemas"]["Error"]
    assert set(error["properties"]) == {"error_code", "message"}


def test_a_field_is_described_as_it_is_read(document: Json) -> None:
    create = document["components"]["schemas"]["Create"]
    assert create["required"] == ["name", "url"]
    assert create["properties"]["name"]["type"] == "string"
    assert "podium" in create["properties"]["payload"]["enum"]
    rotate = document["components"]["schemas"]["Rotate"]
    assert rotate["properties"]["keep_hours"]["type"] == "integer"


def test_the_application_s_own_error_handlers_are_kept(whole: Flask) -> None:
    found = whole.test_client().get("/api/v1/nothing")
    assert (found.status_code, (found.json or {})["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_each_declares_a_permission(whole: Flask) -> None:
    for rule in whole.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            assert permission_of(whole.view_functions[rule.endpoint]) is not None, rule.rule
