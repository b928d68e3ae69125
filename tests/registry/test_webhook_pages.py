"""The pages of webhooks: made, tried out, switched, replayed, and what they show of secrets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from podium.registry.app import create_app
from podium.registry.webhooks.dispatcher import Dispatcher
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.sender import HttpSender
from podium.tracker.artifacts import open_store
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from standardwebhooks import Webhook

from ..keys import new_key
from ..services.receiver import Receiver, answer, receiver
from .conftest import elements

KEY = new_key()
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    config = Config(sqlite_url, "unused", secret_keys=(KEY,), webhook_allow=(LOOPBACK,))
    db = Database(sqlite_url, pool_size=4)
    yield create_app(config, db=db, store=open_store(str(tmp_path), None))
    db.close()


@pytest.fixture
def pages(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html,application/xhtml+xml"
    return client


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def deliver(app: Flask) -> None:
    db: Database = app.extensions["podium"].db
    worker = Dispatcher(db, HttpSender(Guard([LOOPBACK])), Keyring([KEY]))
    worker.turn()
    worker.finish()


def make(pages: FlaskClient, **form: str) -> tuple[str, str]:
    """The page of a new webhook and its secret."""
    answered = pages.post("/webhooks", data={"name": "deploy", "url": "https://a.example"} | form)
    html = answered.get_data(as_text=True)
    assert answered.status_code == 200, html
    found = re.search(r"/webhooks/[0-9a-f-]{36}", html)
    secret = re.search(r"whsec_[\w+/=]+", html)
    assert found
    assert secret
    return found[0], secret[0]


def test_a_secret_is_shown_once(pages: FlaskClient) -> None:
    page, secret = make(pages)
    for path in ("/webhooks", page):
        html = pages.get(path).get_data(as_text=True)
        assert "deploy" in html
        assert secret not in html
        assert "whsec_" not in html
    rotated = pages.post(f"{page}/rotate").get_data(as_text=True)
    assert "whsec_" in rotated
    assert secret not in rotated
    assert "stays good until" in rotated


def test_a_delivery_and_sending_it_again(pages: FlaskClient, app: Flask, there: Receiver) -> None:
    page, secret = make(pages, url=there.url + "/")
    there.behaviours["/"] = answer(410, HOSTILE.encode())
    made = pages.post("/api/2.0/mlflow/registered-models/create", json={"name": HOSTILE[:17]})
    assert made.status_code == 200
    deliver(app)
    html = pages.get(page).get_data(as_text=True)
    assert "switched off" in html
    assert "410 Gone" in html
    assert "switched off they wait, for three days" in html
    [link] = {
        each["href"] for each in elements(html).tags("a") if "/deliveries/" in each.get("href", "")
    }
    detail = pages.get(link).get_data(as_text=True)
    for each in (html, detail):
        assert "<script>alert" not in each
    assert "&lt;script&gt;alert(1)" in detail
    there.behaviours.clear()
    assert pages.post(f"{page}/switch", data={"on": "1"}).status_code == 303
    again = pages.post(f"{link}/replay")
    assert again.status_code == 303
    deliver(app)
    first, second = there.received
    assert second.headers["x-podium-replay"] == "true"
    assert Webhook(secret).verify(second.body, second.headers)["id"] == first.id
    assert "delivered" in pages.get(again.headers["Location"]).get_data(as_text=True)


def test_trying_out_switching_off_and_deleting(pages: FlaskClient, there: Receiver) -> None:
    page, _ = make(pages, url=there.url)
    assert "accepted with 204" in pages.post(f"{page}/test").get_data(as_text=True)
    there.behaviours["/"] = answer(500, b"broken")
    html = pages.post(f"{page}/test").get_data(as_text=True)
    assert "500" in html
    assert "broken" in html
    pages.post(f"{page}/switch")
    assert "Switch on" in pages.get(page).get_data(as_text=True)
    assert pages.post(f"{page}/delete").headers["Location"] == "/webhooks"
    assert pages.get(page).status_code == 404


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"name": "-"}, "Webhook name"),
        ({"url": "https://10.0.0.1"}, "PODIUM_WEBHOOK_ALLOW"),
        ({"payload": "mlflow"}, "events"),
        ({"payload": "x"}, "payload"),
        ({"event": "x"}, "events"),
    ],
)
def test_a_mistake_leaves_what_was_typed(
    pages: FlaskClient, form: dict[str, str], says: str
) -> None:
    answered = pages.post("/webhooks", data={"name": "a", "url": "https://a.example/x"} | form)
    assert answered.status_code == 400
    html = answered.get_data(as_text=True)
    [alert] = [each for each in elements(html).tags("p") if each.get("role") == "alert"]
    assert alert
    assert says in html
    typed = {
        each["name"]: each["value"] for each in elements(html).tags("input") if "value" in each
    }
    assert typed["url"] == form.get("url", "https://a.example/x")


def test_an_empty_page_says_what_to_type(pages: FlaskClient) -> None:
    assert "curl http://localhost/api/v1/webhooks" in pages.get("/webhooks").get_data(as_text=True)


def test_another_site_cannot_press_the_buttons(pages: FlaskClient) -> None:
    page, _ = make(pages)
    refused = pages.post(f"{page}/delete", headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert pages.get(page).status_code == 200
