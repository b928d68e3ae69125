"""The page that says what is wrong: each thing that can be, made wrong, and well again."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from podium.client.errors import Unavailable
from podium.registry import operations
from podium.registry.launches.tables import LaunchCluster
from podium.registry.operations import Finding, examine, span
from podium.registry.outbox import OutboxEvent
from podium.registry.webhooks.tables import Delivery, Webhook
from podium.tracker import runs
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.metrics.tables import MetricBatch
from podium.tracker.schema_history import History
from podium.tracker.services import EXTENSION, Services
from podium.tracker.state import State
from podium.tracker.turns import JobTurn, Turns
from sqlalchemy import text


@pytest.fixture
def here(whole: Flask) -> Services:
    found: Services = whole.extensions[EXTENSION]
    told = Turns(found.db)
    told.ended("compact metrics", 5, "")
    told.write()
    return found


def wrong(services: Services) -> list[Finding]:
    services.state._until = 0.0
    return [finding for finding in examine(services) if not finding.well]


def add(db: Database, *rows: object) -> None:
    with db.writing() as session:
        session.add_all(rows)


def event(age: int, *, spread: bool) -> OutboxEvent:
    created = now_ms() - age * 1000
    return OutboxEvent(
        event_id=f"e{age}", type="x", key="k", actor="a", data="{}", created=created, spread=spread
    )


def webhook(**more: object) -> Webhook:
    columns: dict[str, object] = {
        "webhook_id": "w" * 36,
        "name": "deploy",
        "url": "https://a.example",
        "events": "[]",
        "payload": "podium",
        "status": "ACTIVE",
        "created": 1,
        "updated": 1,
        **more,
    }
    return Webhook(**columns)


def test_nothing_is_wrong(here: Services) -> None:
    assert wrong(here) == []
    assert {finding.subject for finding in examine(here)} >= {"database", "schema", "workers"}


def test_no_worker(whole: Flask) -> None:
    [found] = wrong(whole.extensions[EXTENSION])
    assert (found.subject, found.fix) == ("workers", "Start one: podium worker")


def test_a_job_that_nobody_does(here: Services) -> None:
    late = now_ms() - 1000 * 60 * 12
    add(here.db, JobTurn(job="deliver events", every=0.1, done=late, problem="no key"))
    [found] = wrong(here)
    assert found.text == (
        "“deliver events” was due 12 minutes ago and is not done. Its last turn failed: no key"
    )


def test_events_that_nobody_takes_up(here: Services) -> None:
    add(here.db, event(operations.OUTBOX_SECONDS - 60, spread=False), event(9000, spread=True))
    assert wrong(here) == []
    add(here.db, event(operations.OUTBOX_SECONDS + 60, spread=False))
    assert [found.subject for found in wrong(here)] == ["events"]


def test_deliveries_that_do_not_leave(here: Services) -> None:
    due = now_ms() - 1000 * (operations.DELIVERY_SECONDS + 60)
    add(here.db, event(5, spread=True), webhook(due=due))
    add(here.db, Delivery(webhook=1, event=1, key="k", state="PENDING", begun=due, due=due))
    [found] = wrong(here)
    assert found.subject == "deliveries"
    with here.db.writing() as session:  # of one that fails they wait for the receiver
        session.get_one(Webhook, 1).failing_since = now_ms()
    [found] = wrong(here)
    assert (found.subject, found.page) == ("webhooks", f"/webhooks/{'w' * 36}")


def test_a_webhook_that_was_switched_off(here: Services) -> None:
    add(here.db, webhook(status="DISABLED", disabled_reason="It failed for two days."))
    [found] = wrong(here)
    assert "It failed for two days." in found.text


def test_points_that_nobody_compresses(here: Services) -> None:
    run = runs.create_run(here.db)
    received = now_ms() - 1000 * (operations.COMPACTION_SECONDS + 60)
    with here.db.writing() as session:
        number = session.scalar(text("SELECT id FROM runs"))
        session.add(MetricBatch(run=number, received=received, points=1, data=b""))
    assert run
    assert [found.subject for found in wrong(here)] == ["compaction"]


def test_a_cluster_that_is_away(here: Services) -> None:
    add(here.db, LaunchCluster(name="gpu", away_since=5, problem="It refused our token."))
    [found] = wrong(here)
    assert found.text == "The cluster gpu does not answer. It refused our token."


def test_what_no_launch_knows(here: Services) -> None:
    add(here.db, LaunchCluster(name="gpu", strays=3))
    [found] = wrong(here)
    assert found.text == "The cluster gpu has 3 objects of launches that are not known here."
    assert "podium launch orphans" in found.fix


def test_a_bucket_that_is_away(here: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_store: object) -> None:
        raise Unavailable("The bucket x does not exist. Make it with: podium storage init")

    monkeypatch.setattr(type(here.store), "ready", refuse)
    [found] = wrong(here)
    assert (found.subject, found.text.split(".")[0]) == ("files", "The bucket x does not exist")


def test_without_a_database_little_can_be_said(here: Services) -> None:
    db = Database("postgresql://nobody@127.0.0.1:1/none")
    away = Services(db, here.store, here.config, State(db, ()), here.histories)
    assert [finding.subject for finding in examine(away)] == ["database", "files"]
    assert [finding.subject for finding in wrong(away)] == ["database"]


def test_a_schema_of_another_version(here: Services) -> None:
    first = here.histories[0]
    old = History(first.folder, "0001", first.version_table)
    services = Services(here.db, here.store, here.config, here.state, (old, *here.histories[1:]))
    [found] = wrong(services)
    assert found.subject == "schema"
    assert "newer than the 0001" in found.text


def test_the_page(pages: FlaskClient, here: Services) -> None:
    body = pages.get("/operations").get_data(as_text=True)
    assert "Nothing is wrong." in body
    assert "podium_outbox_age_seconds" in body
    add(here.db, webhook(failing_since=5))
    here.state._until = 0.0
    body = pages.get("/operations").get_data(as_text=True)
    assert "Nothing is wrong." not in body
    assert f'href="/webhooks/{"w" * 36}"' in body
    assert "docs/runbooks.md, “webhooks”" in body


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(90, "90 seconds"), (720, "12 minutes"), (9000, "2 hours"), (260_000, "3 days")],
)
def test_times_as_people_say_them(seconds: float, said: str) -> None:
    assert span(seconds) == said
