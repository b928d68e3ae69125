"""The whole application: asked as a browser asks, and as MLflow's client does."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from flask import Flask
from flask.testing import FlaskClient
from podium.registry.app import create_app
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.config import Config
from podium.tracker.db import Database

from ..api import Api


@pytest.fixture
def whole(sqlite_url: str, store: ArtifactStore) -> Iterator[Flask]:
    """Pages and REST paths are a skin over services that are tested on each kind of database."""
    db = Database(sqlite_url, pool_size=4)
    yield create_app(Config(database_url=sqlite_url, artifacts="unused"), db=db, store=store)
    db.close()


@pytest.fixture
def pages(whole: Flask) -> FlaskClient:
    client = whole.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html,application/xhtml+xml"
    return client


@pytest.fixture
def rest(whole: Flask) -> Api:
    return Api(whole.test_client())


class Elements(HTMLParser):
    """The tags and attributes of a page, in order, and the text of each kind of tag."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open:
            self.texts.append((self._open[-1], data.strip()))

    def tags(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.found if tag == name]


def elements(html: str) -> Elements:
    return Elements(html)
