"""The script and style: built, small, and kept by browsers for ever."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from podium.client.errors import ConfigError
from podium.registry.web.assets import STATIC, Assets

BUDGET = 60_000


def test_a_page_weighs_no_more_than_its_budget() -> None:
    built = Assets.read()
    sizes = [
        len(gzip.compress((STATIC / name).read_bytes(), mtime=0)) for name in built.files.values()
    ]
    assert 10_000 < sum(sizes) <= BUDGET


def test_every_file_is_named_by_its_content() -> None:
    for name in Assets.read().files.values():
        assert re.fullmatch(r"[a-z]+-[A-Z0-9]{8}\.(js|css)", name)


@pytest.mark.parametrize("name", ["main.js", "main.css"])
def test_what_a_page_links_to_is_served(pages: FlaskClient, name: str) -> None:
    url = Assets.read().url(name)
    assert url in pages.get("/experiments").get_data(as_text=True)
    with pages.get(url) as answer:
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.js", "../__init__.py", "..%2f__init__.py"])
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
