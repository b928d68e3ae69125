"""How the native API reads what it is sent about promotions."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from ...api import Api, Json

CARD = "# Digits\n\n| metric | value |\n|---|---|\n| accuracy | **0.98** |\n\n<b>not for 数字</b>\n"


@pytest.fixture
def api(whole: Flask) -> Api:
    found = Api(whole.test_client())
    found.post("/registered-models/create", name="digits", description=CARD)
    source = f"runs:/{found.create_run()}/model"
    for _ in range(2):
        found.post("/model-versions/create", name="digits", source=source, description=CARD)
    return found


def send(api: Api, what: str, **fields: Any) -> tuple[int, Json]:
    answer = api.http.post(f"/api/v1/models/digits/{what}", json=fields)
    return answer.status_code, answer.get_json()


@pytest.mark.parametrize("version", [2, "2", "02"])
def test_a_version_is_a_number_or_its_text(api: Api, version: int | str) -> None:
    status, done = send(api, "promotions", version=version, stage="Production")
    assert (status, done["version"], done["status"]) == (200, 2, "DONE")


def test_the_version_to_be_rolled_back_too(api: Api) -> None:
    for version in (1, 2):
        send(api, "promotions", version=version, stage="Production")
    assert send(api, "rollbacks", version=1, stage="Production")[0] == 409
    status, done = send(api, "rollbacks", version=2, stage="Production")
    assert (status, done["entered"]["version"]) == (200, 1)


@pytest.mark.parametrize("version", [True, 1.0, [1], {"n": 1}, "", "one", None, 10**30])
def test_nothing_else_is(api: Api, version: Any) -> None:
    status, told = send(api, "promotions", version=version, stage="Production")
    assert status in (400, 404)
    assert "version" in told["message"]


def test_its_description_says_both(whole: Flask) -> None:
    found = whole.test_client().get("/api/v1/openapi.json").get_json()
    promote = found["components"]["schemas"]["Promote"]["properties"]
    assert promote["version"]["type"] == ["string", "integer"]


def test_a_model_card_is_kept_as_it_was_written(api: Api) -> None:
    model = api.get("/registered-models/get", name="digits")["registered_model"]
    version = api.get("/model-versions/get", name="digits", version="1")["model_version"]
    assert (model["description"], version["description"]) == (CARD, CARD)
