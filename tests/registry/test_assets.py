"""The script and style: built, small, and kept by browsers for ever."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from podium.client.errors import ConfigError
from podium.registry.web.assets import STATIC, Assets

BUDGET = 60_000
HEAVY = ("node_modules/echarts", "uPlot.esm.js")


def outputs() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STATIC / "meta.json").read_text())["outputs"]
    return {Path(name).name: built for name, built in found.items()}


def with_imports(name: str) -> set[str]:
    """A file and what it loads at once; ``import()`` loads later."""
    built = outputs()[name]
    at_once = [each["path"] for each in built["imports"] if each["kind"] == "import-statement"]
    return {name}.union(*(with_imports(Path(each).name) for each in at_once))


def weight(names: Iterable[str]) -> int:
    return sum(len(gzip.compress((STATIC / name).read_bytes(), mtime=0)) for name in names)


@pytest.mark.parametrize("part", ["board", "table"])
def test_a_page_weighs_no_more_than_its_budget(part: str) -> None:
    """One of a run has charts besides, one of an experiment a table.

    What each page really loads, a browser counts (tests/browser/test_weight.py).
    """
    files = Assets.read().files
    [besides] = [name for name in outputs() if name.startswith(f"{part}-")]
    loaded = {files["main.css"], *with_imports(files["main.js"]), *with_imports(besides)}
    assert 10_000 < weight(loaded) <= BUDGET


def test_what_few_pages_need_comes_later() -> None:
    built = outputs()
    at_once = with_imports(Assets.read().files["main.js"])
    found = {
        name
        for name, each in built.items()
        if any(heavy in source for source in each["inputs"] for heavy in HEAVY)
    }
    assert len(found) >= len(HEAVY)
    assert not found & at_once


def test_every_file_is_named_by_its_content() -> None:
    for name in outputs():
        assert re.fullmatch(r"[a-z]+-[A-Z0-9]{8}\.(js|css)", name)


@pytest.mark.parametrize("name", ["main.js", "main.css"])
def test_what_a_page_links_to_is_served(pages: FlaskClient, name: str) -> None:
    url = Assets.read().url(name)
    assert url in pages.get("/experiments").get_data(as_text=True)
    with pages.get(url) as answer:
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("", None),
    ],
)
def test_a_browser_is_sent_the_smallest_that_it_takes(
    pages: FlaskClient, accepted: str, coding: str | None
) -> None:
    url = Assets.read().url("main.js")
    whole = (STATIC / url.rpartition("/")[2]).read_bytes()
    with pages.get(url, headers={"Accept-Encoding": accepted}) as answer:
        assert answer.headers.get("Content-Encoding") == coding
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.mimetype == "text/javascript"
        if coding == "gzip":
            assert gzip.decompress(answer.data) == whole
        assert (answer.data == whole) == (coding is None)
        tag = answer.headers["ETag"]
    with pages.get(url, headers={"Accept-Encoding": "br" if coding != "br" else "gzip"}) as other:
        assert other.headers["ETag"] != tag


@pytest.mark.parametrize("name", ["nothing.js", "meta.json", "../__init__.py", "..%2f__init__.py"])
def test_nothing_else_is_served(pages: FlaskClient, name: str) -> None:
    assert pages.get(f"/static/{name}").status_code == 404


def test_no_build_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pip install"):
        Assets.read(tmp_path)


def test_the_sources_name_no_registry() -> None:
    lock = Path(__file__).parents[2] / "registry" / "web" / "ui" / "package-lock.json"
    text = lock.read_text()
    assert '"resolved"' not in text
    assert '"integrity"' in text
