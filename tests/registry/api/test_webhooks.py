"""/api/v1/webhooks as its callers see it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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

from ...keys import new_key
from ...services.receiver import Receiver, answer, receiver

KEY = new_key()
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
PATH = "/api/v1/webhooks"


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    config = Config(
        database_url=sqlite_url,
        artifacts="unused",
        secret_keys=(KEY,),
        webhook_allow=(LOOPBACK,),
    )
    db = Database(sqlite_url, pool_size=4)
    yield create_app(config, db=db, store=open_store(str(tmp_path), None))
    db.close()


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def deliver(app: Flask) -> None:
    db: Database = app.extensions["podium"].db
    worker = Dispatcher(db, HttpSender(Guard([LOOPBACK])), Keyring([KEY]))
    worker.turn()
    worker.finish()


def make(http: FlaskClient, **body: Any) -> dict[str, Any]:
    found = http.post(PATH, json={"name": "a", "url": "https://a.example"} | body)
    assert found.status_code == 201, found.json
    assert isinstance(found.json, dict)
    return found.json


def test_from_the_change_to_the_receiver(http: FlaskClient, app: Flask, there: Receiver) -> None:
    made = make(http, url=there.url + "/hook", events=["REGISTERED_MODEL_CREATED"])
    for name in ("one", "two"):
        answered = http.post("/api/2.0/mlflow/registered-models/create", json={"name": name})
        assert answered.status_code == 200
    deliver(app)
    first, second = there.received
    event = Webhook(made["secret"]).verify(first.body, first.headers)
    assert (event["type"], event["data"]["name"]) == ("REGISTERED_MODEL_CREATED", "one")
    assert event["id"] == first.id
    listed = http.get(f"{PATH}/{made['webhook_id']}/deliveries").json
    assert listed is not None
    assert [each["event_id"] for each in listed["deliveries"]] == [second.id, first.id]
    assert {each["state"] for each in listed["deliveries"]} == {"DELIVERED"}
    assert listed["deliveries"][0]["attempts"][0]["status"] == 204


def test_a_replay_has_the_same_id_and_body_and_says_that_it_is_one(
    http: FlaskClient, app: Flask, there: Receiver
) -> None:
    made = make(http, url=there.url)
    there.behaviours["/"] = answer(410, b"gone for now")
    http.post("/api/2.0/mlflow/registered-models/create", json={"name": "m"})
    deliver(app)
    log = f"{PATH}/{made['webhook_id']}/deliveries"
    found = http.get(log, query_string={"state": "GIVEN_UP"}).json
    assert found is not None
    [delivery] = found["deliveries"]
    assert delivery["attempts"][0]["body"] == "gone for now"
    there.behaviours.clear()
    now = http.patch(f"{PATH}/{made['webhook_id']}", json={"status": "ACTIVE"}).json
    assert now is not None
    assert (now["status"], now["disabled_reason"]) == ("ACTIVE", "")
    again = http.post(f"{log}/{delivery['delivery_id']}/replay")
    assert again.status_code == 201
    deliver(app)
    first, second = there.received
    assert (second.id, second.body) == (first.id, first.body)
    assert second.headers["x-podium-replay"] == "true"
    assert "x-podium-replay" not in first.headers
    assert again.json is not None
    one = http.get(f"{log}/{again.json['delivery_id']}").json
    assert one is not None
    assert (one["replay"], one["state"], one["count"]) == (True, "DELIVERED", 1)


def test_trying_out_and_rotating(http: FlaskClient, there: Receiver) -> None:
    made = make(http, url=there.url)
    there.behaviours["/"] = answer(200, b"pong")
    rotated = http.post(f"{PATH}/{made['webhook_id']}/rotate", json={"keep_hours": 1}).json
    assert rotated is not None
    result = http.post(f"{PATH}/{made['webhook_id']}/test").json
    assert result is not None
    assert (result["accepted"], result["status"], result["body"]) == (True, 200, "pong")
    [received] = there.received
    for secret in (made["secret"], rotated["secret"]):
        assert Webhook(secret).verify(received.body, received.headers)["type"] == "PING"
    assert made["secret"] != rotated["secret"]


def test_a_secret_is_in_no_other_answer(http: FlaskClient) -> None:
    made = make(http)
    one = f"{PATH}/{made['webhook_id']}"
    for path in (PATH, one, f"{one}/deliveries", "/api/v1/audit"):
        text = http.get(path).get_data(as_text=True)
        assert "whsec_" not in text, path
    assert "whsec_" not in http.patch(one, json={"name": "b"}).get_data(as_text=True)


def test_it_ends(http: FlaskClient) -> None:
    one = f"{PATH}/{make(http)['webhook_id']}"
    assert http.delete(one).status_code == 204
    assert http.get(one).status_code == 404


@pytest.mark.parametrize(
    ("call", "body", "status", "says"),
    [
        ("POST ", {}, 400, "'name'"),
        ("POST ", {"name": "a"}, 400, "'url'"),
        ("POST ", {"name": 1, "url": "x"}, 400, "'name'"),
        ("POST ", {"name": "a", "url": "https://a.example", "payload": "x"}, 400, "payload"),
        ("POST ", {"name": "a", "url": "https://a.example", "events": "x"}, 400, "events"),
        ("POST ", {"name": "a", "url": "https://a.example", "events": [1]}, 400, "events[0]"),
        ("POST ", {"name": "a", "url": "https://a.example", "secret": "x"}, 400, "'secret'"),
        ("POST ", {"name": "a", "url": "https://10.0.0.1"}, 400, "PODIUM_WEBHOOK_ALLOW"),
        ("POST ", {"name": "a", "url": "https://a.example", "payload": "mlflow"}, 400, "events"),
        ("POST ", [], 400, "body"),
        ("GET ?max_results=0", None, 400, "max_results"),
        ("GET ?max_results=x", None, 400, "max_results"),
        ("GET ?page_token=x", None, 400, "page_token"),
        ("GET /none", None, 404, "'none'"),
        ("PATCH /none", {}, 404, "'none'"),
        ("DELETE /none", None, 404, "'none'"),
        ("POST /none/rotate", {}, 404, "'none'"),
        ("POST /none/test", None, 404, "'none'"),
        ("GET /none/deliveries", None, 404, "'none'"),
        ("GET /{id}/deliveries?state=x", None, 400, "state"),
        ("GET /{id}/deliveries/1", None, 404, "'1'"),
        ("POST /{id}/deliveries/x/replay", None, 404, "'x'"),
        ("POST /{id}/rotate", {"keep_hours": 10_000}, 400, "keep_hours"),
        ("PUT /{id}", {}, 405, "PUT"),
    ],
)
def test_a_mistake_is_named_in_the_form_of_every_error(
    http: FlaskClient, call: str, body: Any, status: int, says: str
) -> None:
    method, path = call.replace("{id}", make(http)["webhook_id"]).split(" ")
    found = http.open(PATH + path, method=method, json=body)
    assert found.status_code == status
    assert set(found.json or {}) == {"error_code", "message"}
    assert says in (found.json or {})["message"]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'"text"'])
def test_what_is_no_json(http: FlaskClient, body: bytes) -> None:
    found = http.post(PATH, data=body, content_type="application/json")
    assert (found.status_code, (found.json or {})["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert http.post(PATH, data=b"{}", content_type="text/plain").status_code == 400
