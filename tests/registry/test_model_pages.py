"""The pages of models and versions, without a browser."""

from __future__ import annotations

import importlib
import re
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ..api import Api
from .conftest import elements

HOSTILE = "<script>alert(1)<\\script>\"'&%2e%2e?#;x y"


@pytest.fixture
def run_id(rest: Api) -> str:
    return rest.create_run(run_name="the run")


@pytest.fixture
def name(rest: Api, run_id: str) -> str:
    """A model of three versions, with every text that people can write."""
    tags = [{"key": "k", "value": HOSTILE}]
    rest.post("/registered-models/create", name=HOSTILE, description=HOSTILE, tags=tags)
    for _ in range(3):
        rest.post(
            "/model-versions/create",
            name=HOSTILE,
            source=f"runs:/{run_id}/model",
            description=HOSTILE,
            tags=tags,
        )
    rest.post("/model-versions/transition-stage", name=HOSTILE, version="2", stage="Production")
    rest.post("/registered-models/alias", name=HOSTILE, alias="champion", version="1")
    return HOSTILE


def text_of(pages: FlaskClient, path: str, status: int = 200) -> str:
    answer = pages.get(path)
    assert answer.status_code == status, path
    return answer.get_data(as_text=True)


def links(html: str) -> list[str]:
    return [each["href"] for each in elements(html).tags("a") if "href" in each]


def test_every_link_leads_somewhere(pages: FlaskClient, name: str, run_id: str) -> None:
    """From the list to the model, to its versions, to the run and back, by links alone."""
    seen: dict[str, str] = {}
    todo = ["/models"]
    while todo:
        path = todo.pop()
        if path not in seen and path.startswith(("/models", "/runs")):
            html = seen[path] = text_of(pages, path)
            assert "<script>" not in html
            assert all("alert" not in str(each) for each in elements(html).tags("script")), path
            todo += links(html)
    assert f"/runs/{run_id}" in seen
    assert len([path for path in seen if re.search(r"/versions/\d$", path)]) == 3
    headings = {text for tag, text in elements("".join(seen.values())).texts if tag == "h1"}
    assert {name, f"{name}, version 3", "the run", "Models"} <= headings


def test_the_list(pages: FlaskClient, rest: Api, name: str) -> None:
    for number in range(55):
        rest.post("/registered-models/create", name=f"model {number:02}")
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    rest.post("/registered-models/create", name="a prompt", tags=tags)
    first = text_of(pages, "/models")
    assert "a prompt" not in first
    [following] = [each["href"] for each in elements(first).tags("a") if each.get("rel") == "next"]
    rows = elements(first).tags("tr"), elements(text_of(pages, following)).tags("tr")
    assert [len(each) - 1 for each in rows] == [50, 6]
    found = text_of(pages, "/models?q=MODEL+0")
    assert len(elements(found).tags("tr")) == 11
    assert "No model has" in text_of(pages, "/models?q=50%25")
    assert "page token" in text_of(pages, "/models?page=x", status=400)
    assert name


def test_versions_by_stage_and_by_filter(pages: FlaskClient, name: str) -> None:
    model = f"/models/{quote(name)}"

    def numbers(query: str) -> list[str]:
        cells = elements(text_of(pages, model + query))
        return [
            each["aria-label"].removeprefix("Version ")
            for each in cells.tags("a")
            if each.get("aria-label", "").startswith("Version")
        ]

    assert numbers("") == ["3", "2", "1"]
    assert numbers("?stage=Production") == ["2"]
    assert numbers("?stage=Staging") == []
    assert numbers("?filter=version_number+>+1&stage=None") == ["3"]
    # A filter is a whole: it cannot leave the model.
    for wrong in ("version_number+>", "x)+OR+(name+!=+''", "nothing+=+1"):
        html = text_of(pages, f"{model}?filter={wrong}", status=400)
        assert 'role="alert"' in html
        assert numbers_in(html) == 0
    assert "Invalid Model Version stage" in text_of(pages, f"{model}?stage=x", status=400)


def numbers_in(html: str) -> int:
    return html.count('aria-label="Version ')


def test_a_version(pages: FlaskClient, rest: Api, name: str, run_id: str) -> None:
    place = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/model"
    assert rest.http.put(f"{place}/MLmodel", data=b"flavors: {}").status_code == 200
    assert rest.http.put(f"{place}/data/x.json", data=b'{"a": 1}').status_code == 200
    version = f"/models/{quote(name)}/versions/1"
    html = text_of(pages, version)
    assert f'href="/runs/{run_id}">the run</a>' in html
    assert "@champion" in html
    assert "MLmodel" in html
    shown = text_of(pages, f"{version}/files?path=data/x.json")
    assert "&#34;a&#34;: 1" in shown
    [download] = [each for each in links(shown) if each.startswith("/model-versions/get-artifact")]
    with pages.get(download) as answer:
        assert answer.get_data() == b'{"a": 1}'
    fragment = pages.get(f"{version}/files", headers={"HX-Request": "true"})
    assert fragment.get_data(as_text=True).startswith('<div id="files">')
    assert text_of(pages, f"{version}?path=../../x", status=400)


def test_a_version_whose_run_is_not_there(pages: FlaskClient, rest: Api, name: str) -> None:
    """Nothing a version says depends on its run; only the link does."""
    rest.post("/registered-models/create", name="greeting")
    tags = [
        {"key": "mlflow.prompt.is_prompt", "value": "true"},
        {"key": "mlflow.prompt.text", "value": "Hello {{name}} <b>"},
    ]
    rest.post("/model-versions/create", name="greeting", source="dummy-source", tags=tags)
    html = text_of(pages, "/models/greeting/versions/1")
    assert "Hello {{name}} &lt;b&gt;" in html
    assert "Files" not in html
    assert numbers_in(text_of(pages, "/models/greeting")) == 1
    assert name


def test_a_run_says_what_it_became(pages: FlaskClient, name: str, run_id: str) -> None:
    html = text_of(pages, f"/runs/{run_id}")
    assert "Registered as" in html
    assert name
    assert len([each for each in links(html) if "/versions/" in each]) == 3


@pytest.mark.parametrize(
    "path", ["/models/nothing", "/models/nothing/versions/1", "/models/a%2Fb", "/models/../x"]
)
def test_what_is_not_there(pages: FlaskClient, path: str) -> None:
    html = text_of(pages, path, status=404)
    assert "<h1>Not found</h1>" in html


def test_an_empty_registry_says_what_to_type(whole: Flask, pages: FlaskClient) -> None:
    assert "client.register_model" in text_of(pages, "/models")
    assert whole


class TestBesideTheOthers:
    def test_the_holder_is_what_one_is_held_against(self, pages: FlaskClient, name: str) -> None:
        page = f"/models/{quote(name)}/versions/3"
        html = text_of(pages, page)
        heading = "Version 3 beside version 2, which is in Production now"
        assert heading in [text for tag, text in elements(html).texts if tag == "h2"]
        assert "Version 3 beside version 1" not in html
        offered = [each["value"] for each in elements(html).tags("option") if "value" in each]
        assert "2" in offered

    def test_another_may_be_asked_for(self, pages: FlaskClient, name: str) -> None:
        page = f"/models/{quote(name)}/versions/3"
        html = text_of(pages, f"{page}?against=1&all=1")
        assert ("h2", "Version 3 beside version 1") in elements(html).texts
        text_of(pages, f"{page}?against=99", status=404)
        text_of(pages, f"{page}?against=x", status=400)
        assert "beside version" not in text_of(pages, f"{page}?against=3")

    def test_where_it_comes_from_is_drawn(self, pages: FlaskClient, name: str, run_id: str) -> None:
        html = text_of(pages, f"/models/{quote(name)}/versions/2")
        texts = elements(html).texts
        assert {("text", "the run"), ("text", "Production")} <= set(texts)
        assert f"/runs/{run_id}" in links(html)

    def test_a_slider_goes_from_the_first_change_to_now(
        self, pages: FlaskClient, rest: Api, name: str
    ) -> None:
        history = f"/models/{quote(name)}/history"
        [slider] = [
            each
            for each in elements(text_of(pages, history)).tags("input")
            if "data-moment" in each
        ]
        assert int(slider["min"]) <= int(slider["max"]) == int(slider["value"])
        rest.post("/registered-models/create", name="still")
        assert "data-moment" not in text_of(pages, "/models/still/history")


def test_a_version_s_launches_are_looked_at_before_its_lineage(
    pages: FlaskClient, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launch that ends between the two is one that goes on, so the page asks once more."""
    module = importlib.import_module("podium.registry.web.models")
    asked = []

    def noting(what: str, ask: Any) -> Any:
        def look(*args: Any) -> Any:
            asked.append(what)
            return ask(*args)

        return look

    monkeypatch.setattr(module, "of_version", noting("launches", module.of_version))
    monkeypatch.setattr(module.lineage, "of_version", noting("lineage", module.lineage.of_version))
    text_of(pages, f"/models/{quote(name, safe='')}/versions/1")
    assert asked == ["launches", "lineage"]
