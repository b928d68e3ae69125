"""External checks: a receiver on loopback, asked through the webhooks' sender and its guard."""

from __future__ import annotations

import base64
import ipaddress
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from podium.client.promotion import Promotion
from podium.registry import promotion
from podium.registry.promotion import policies, read
from podium.registry.promotion.external import ExternalChecker, secrets_for
from podium.registry.promotion.gates import Outside
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.sender import HttpSender
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from standardwebhooks import Webhook

from ...services.receiver import Received, Receiver, answer, receiver
from .conftest import Team

KEYS = [base64.urlsafe_b64encode(bytes([number] * 32)).decode() for number in (1, 2)]
LOOPBACK = Guard([ipaddress.ip_network("127.0.0.0/8")])


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    """What is asked and what is made of it is the same on each kind of database."""
    database = Database(sqlite_url, pool_size=8)
    yield database
    database.close()


def promote(
    team: Team,
    service: Receiver,
    *,
    keys: list[str] = KEYS,
    guard: Guard = LOOPBACK,
    timeout: float = 10,
) -> Promotion:
    gate = {"gate": "external", "url": f"{service.url}/fair", "timeout": timeout}
    policies.set_policy(team.db, "*", "Production", {"gates": [gate]})
    checker = ExternalChecker(Keyring(keys), lambda seconds: HttpSender(guard, total=seconds))
    return promotion.promote(
        team.db,
        name=team.name,
        version=team.version(metrics={"accuracy": 0.9}),
        stage="Production",
        outside=Outside(checker=checker),
    )


def test_a_yes_is_a_yes_and_the_question_is_signed(team: Team, service: Receiver) -> None:
    service.behaviours["/fair"] = answer(200, b'{"passed": true, "reason": "no bias"}')
    done = promote(team, service)
    assert done.done
    [asked] = service.received
    for secret in secrets_for(Keyring(KEYS), f"{service.url}/fair"):
        told = Webhook(secret).verify(asked.body, asked.headers)
    assert told["type"] == "promotion.check"
    assert (told["data"]["name"], told["data"]["version"]) == (team.name, str(done.version))
    assert told["data"]["metrics"] == {"accuracy": 0.9}
    [gate] = read.get_request(team.db, team.name, done.id).gates
    assert gate.compared["reason"] == "no bias"


def test_the_secret_is_of_the_address_and_of_the_keys() -> None:
    first = secrets_for(Keyring(KEYS), "https://a.example")
    assert len(set(first)) == 2
    assert not set(first) & set(secrets_for(Keyring(KEYS), "https://b.example"))
    assert secrets_for(Keyring(KEYS[1:]), "https://a.example") == first[1:]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b'{"passed": false, "reason": "biased"}', "did not pass it: biased"),
        (200, b"", "no JSON object"),
        (200, b"[true]", "no JSON object"),
        (200, b'{"passed": "true"}', "no JSON object"),
        (200, b'{"passed": 1}', "no JSON object"),
        (500, b'{"passed": true}', "status 500"),
        (302, b'{"passed": true}', "status 302"),
        (200, b"[" * 60_000, "no JSON object"),
    ],
)
def test_whatever_is_no_clear_yes_is_a_no(
    team: Team, service: Receiver, status: int, body: bytes, reason: str
) -> None:
    service.behaviours["/fair"] = answer(status, body, Location=f"{service.url}/other")
    found = promote(team, service)
    assert found.waiting
    assert reason in found.waits_for[0]
    assert {each.path for each in service.received} == {"/fair"}


def test_no_answer_in_time_is_a_no(team: Team, service: Receiver) -> None:
    given_up = threading.Event()

    def hang(_handler: BaseHTTPRequestHandler, _received: Received) -> None:
        given_up.wait(60)

    service.behaviours["/fair"] = hang
    started = time.monotonic()
    assert promote(team, service, timeout=0.5).waiting
    assert time.monotonic() - started < 30
    given_up.set()


def test_without_a_key_or_beyond_the_guard_nobody_is_asked(team: Team, service: Receiver) -> None:
    service.behaviours["/fair"] = answer(200, b'{"passed": true}')
    assert "PODIUM_SECRET_KEYS" in promote(team, service, keys=[]).waits_for[0]
    assert "PODIUM_WEBHOOK_ALLOW" in promote(team, service, guard=Guard()).waits_for[0]
    assert service.received == []


def test_while_it_is_asked_others_go_on_and_what_they_change_is_asked_of_again(
    team: Team, service: Receiver
) -> None:
    """Nothing is locked meanwhile; an answer for another holder counts for nothing."""
    other = team.version()

    def meddle(handler: BaseHTTPRequestHandler, received: Received) -> None:
        if json.loads(received.body)["data"]["holder"] is None:
            policies.delete_policy(team.db, "*", "Production")
            promotion.promote(team.db, name=team.name, version=other, stage="Production")
            gate = {"gate": "external", "url": f"{service.url}/fair"}
            policies.set_policy(team.db, "*", "Production", {"gates": [gate]})
        answer(200, b'{"passed": true}')(handler, received)

    service.behaviours["/fair"] = meddle
    done = promote(team, service)
    assert done.done
    assert done.archived == (other,)
    holders = [each.json["data"]["holder"] for each in service.received]
    assert [each and each["version"] for each in holders] == [None, str(other)]
