"""Making, changing, rotating and removing webhooks; and what of their secrets is ever seen."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

import pytest
from podium.client.errors import BadRequest, NotFound, NotSupported
from podium.registry.webhooks import hooks
from podium.registry.webhooks.guard import Guard
from podium.registry.webhooks.hooks import Changes, Status
from podium.registry.webhooks.payloads import Payload
from podium.registry.webhooks.signing import new_secret
from podium.registry.webhooks.tables import Webhook
from podium.registry.webhooks.upkeep import forget_old, renew_secrets
from podium.tracker import audit
from podium.tracker.keyring import Keyring
from sqlalchemy import select, text

from ...keys import new_key
from .conftest import GUARD, KEY, Bench


def test_what_is_made_is_found(bench: Bench) -> None:
    made = bench.hook("one", events=["MODEL_VERSION_CREATED"], model="fraud-*", to_stages=["X"])
    other = bench.hook("two")
    assert hooks.get_webhook(bench.db, made.webhook_id) == made
    assert (made.model, made.to_stages, made.status) == ("fraud-*", ("X",), Status.ACTIVE)
    page = hooks.list_webhooks(bench.db, max_results=1)
    assert page.items == (other,)
    assert page.next_page_token
    page = hooks.list_webhooks(bench.db, max_results=1, page_token=page.next_page_token)
    assert (page.items, page.next_page_token) == ((made,), None)


def test_a_secret_is_encrypted_and_never_shown(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = new_secret()
    made, known = hooks.create_signed(
        bench.db,
        bench.keyring,
        GUARD,
        wanted=Changes(name="a", url="https://a.example/x"),
        payload=Payload.PODIUM,
        secret=secret,
    )
    assert known == secret
    hooks.rotate_secret(bench.db, bench.keyring, made.webhook_id)
    bench.tell("m")
    bench.work()
    with bench.db.reading() as session:
        row = session.scalars(select(Webhook)).one()
        stored = [getattr(row, column.name) for column in Webhook.__table__.columns]
        events = audit.search(bench.db).items
    assert bench.keyring.decrypt(row.previous_secret or "") == secret
    for seen in (stored, asdict(hooks.get_webhook(bench.db, made.webhook_id)), events):
        assert secret not in str(seen)
    assert secret not in caplog.text
    assert [each["action"] for each in reversed(events)] == ["webhook.create", "webhook.rotate"]


@pytest.mark.parametrize(
    ("wanted", "before", "after"),
    [
        (Changes(name="b"), {"name": "a"}, {"name": "b"}),
        (Changes(description="words"), {"description": ""}, {"description": "words"}),
        (Changes(from_stages=("None",)), {"from_stages": []}, {"from_stages": ["None"]}),
        (Changes(to_stages=("Live",)), {"to_stages": []}, {"to_stages": ["Live"]}),
        (Changes(url="https://a.example/other-token"), {}, {"replaced": ["url"]}),
    ],
)
def test_each_change_is_in_the_audit_log(
    bench: Bench, wanted: Changes, before: dict[str, object], after: dict[str, object]
) -> None:
    made, _ = hooks.create_signed(
        bench.db,
        bench.keyring,
        GUARD,
        wanted=Changes(name="a", url="https://a.example/a-token"),
        payload=Payload.PODIUM,
    )
    hooks.update_webhook(bench.db, bench.keyring, GUARD, made.webhook_id, wanted=wanted)
    row = audit.search(bench.db).items[0]
    differ = {key for key in row["after"] if row["before"].get(key) != row["after"][key]}
    assert {key: row["before"][key] for key in differ if key in row["before"]} == before
    assert {key: row["after"][key] for key in differ} == after
    assert "token" not in str(row)
    assert row["after"]["payload"] == "podium"


@pytest.mark.parametrize("secret", [new_secret(), ""], ids=["another", "none"])
def test_a_secret_that_is_replaced_is_told_of_and_not_told(bench: Bench, secret: str) -> None:
    made, _ = hooks.create_signed(
        bench.db,
        bench.keyring,
        GUARD,
        wanted=Changes(name="a", url="https://a.example"),
        payload=Payload.PODIUM,
    )
    hooks.update_webhook(
        bench.db, bench.keyring, GUARD, made.webhook_id, wanted=Changes(), secret=secret
    )
    row = audit.search(bench.db).items[0]
    assert row["after"] == row["before"] | {"replaced": ["secret"], "signed": bool(secret)}
    assert not secret or secret not in str(row)


def test_without_keys_there_are_no_secrets(bench: Bench) -> None:
    wanted = Changes(name="a", url="https://a.example")
    with pytest.raises(NotSupported, match="PODIUM_SECRET_KEYS"):
        hooks.create_signed(bench.db, Keyring(), GUARD, wanted=wanted, payload=Payload.PODIUM)
    assert hooks.list_webhooks(bench.db).items == ()


def test_rotation_keeps_the_old_secret_for_a_while(bench: Bench) -> None:
    made = bench.hook()
    changed, _ = hooks.rotate_secret(bench.db, bench.keyring, made.webhook_id, keep_hours=1)
    assert changed.previous_secret_until == changed.last_update_time + 3_600_000
    bench.tell("m")
    bench.work()
    bench.tell("m")
    bench.work(later=3_600_001)
    signatures = [each.headers["webhook-signature"].split(" ") for each in bench.sender.sent]
    assert [len(each) for each in signatures] == [2, 1]
    changed, _ = hooks.rotate_secret(bench.db, bench.keyring, made.webhook_id, keep_hours=0)
    assert changed.previous_secret_until is None


def test_a_key_can_be_replaced_under_the_secrets(bench: Bench) -> None:
    bench.hook()
    newest = new_key()
    both = Keyring([newest, KEY])
    assert renew_secrets(bench.db, both) == 1
    assert renew_secrets(bench.db, both) == 0
    bench.dispatcher = type(bench.dispatcher)(
        bench.db, bench.sender, Keyring([newest]), clock=lambda: bench.now
    )
    bench.tell("m")
    bench.work()
    assert "webhook-signature" in bench.sender.sent[0].headers


def test_a_secret_that_cannot_be_read_is_said_in_the_log_of_its_deliveries(bench: Bench) -> None:
    hook = bench.hook()
    assert renew_secrets(bench.db, Keyring([new_key()])) == 0
    bench.dispatcher = type(bench.dispatcher)(
        bench.db, bench.sender, Keyring([new_key()]), clock=lambda: bench.now
    )
    bench.tell("m")
    bench.work()
    assert bench.sender.sent == []
    assert "PODIUM_SECRET_KEYS" in bench.log(hook)[0].attempts[0].error


def test_only_what_is_given_is_changed(bench: Bench) -> None:
    made = bench.hook(description="first", to_stages=["Production"])
    changed = hooks.update_webhook(
        bench.db, bench.keyring, GUARD, made.webhook_id, wanted=Changes(to_stages=[])
    )
    assert (changed.description, changed.to_stages) == ("first", ())
    assert changed.last_update_time >= made.last_update_time


def test_what_is_deleted_is_not_there(bench: Bench) -> None:
    made = bench.hook()
    hooks.delete_webhook(bench.db, made.webhook_id)
    for call in (
        lambda: hooks.get_webhook(bench.db, made.webhook_id),
        lambda: hooks.delete_webhook(bench.db, made.webhook_id),
        lambda: hooks.rotate_secret(bench.db, bench.keyring, made.webhook_id),
    ):
        with pytest.raises(NotFound, match=made.webhook_id):
            call()
    with bench.db.reading() as session:
        row = session.scalars(select(Webhook)).one()
    assert (row.secret, row.previous_secret) == (None, None)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"name": ""}, "Webhook name '' is invalid"),
        ({"name": "-a"}, "must start and end"),
        ({"name": "a" * 64}, "63 characters"),
        ({"name": "a\n"}, "is invalid"),
        ({"url": " "}, "cannot be empty"),
        ({"url": "ftp://a.example"}, "scheme: 'ftp'"),
        ({"url": "https://"}, "hostname"),
        ({"url": "https://me:secret@a.example"}, "user, a password"),
        ({"url": "https://a.example/#x"}, "'#'"),
        ({"url": "https://a.example:99999"}, "Invalid webhook URL"),
        ({"url": "https://[::1"}, "Invalid webhook URL"),
        ({"url": "https://ü.example"}, "punycode"),
        ({"url": "https://a.example/\r\nX: y"}, "ASCII"),
        ({"url": "https://a.example/" + "x" * 2048}, "2048"),
        ({"url": "https://10.0.0.1/"}, "PODIUM_WEBHOOK_ALLOW"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "PODIUM_WEBHOOK_ALLOW"),
        ({"events": ["NOTHING"]}, "'events'"),
        ({"events": ["PING"]}, "'events'"),
        ({"model": ""}, "'model'"),
        ({"to_stages": ["x" * 65]}, "'to_stages'"),
        ({"description": "a\0"}, "'description'"),
    ],
)
def test_what_is_refused(sqlite_bench: Bench, wanted: dict[str, Any], says: str) -> None:
    made = sqlite_bench.hook("there")
    with pytest.raises(BadRequest) as caught:
        sqlite_bench.hook(**wanted)
    assert says in caught.value.message
    with pytest.raises(BadRequest):
        hooks.update_webhook(
            sqlite_bench.db, sqlite_bench.keyring, GUARD, made.webhook_id, wanted=Changes(**wanted)
        )
    assert hooks.list_webhooks(sqlite_bench.db).items == (made,)


def test_without_a_list_of_networks_everything_is_https(sqlite_bench: Bench) -> None:
    wanted = Changes(name="a", url="http://a.example")
    with pytest.raises(BadRequest, match="https"):
        hooks.create_signed(
            sqlite_bench.db, sqlite_bench.keyring, Guard(), wanted=wanted, payload=Payload.PODIUM
        )
    assert sqlite_bench.hook(url="http://a.example").url == "http://a.example"


def test_what_is_a_month_old_is_forgotten(bench: Bench) -> None:
    hook = bench.hook()
    bench.tell("old")
    bench.work()
    with bench.db.writing() as session:
        session.execute(text("UPDATE outbox_events SET created = created - 2678400000"))
    bench.tell("new")
    bench.work()
    assert forget_old(bench.db) == 1
    assert forget_old(bench.db) == 0
    assert [each.key for each in bench.log(hook)] == ["new"]
