"""Each alert, fired by what a server really says of itself when that is wrong, and by nothing else.

The rules are evaluated by Prometheus's own promtool. Counters go on as they went between two
looks at ``/metrics``; gauges stay as they were at the second.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from flask import Flask
from podium.client.errors import Unavailable
from podium.registry import operations, registered, versions
from podium.registry.app import create_app
from podium.registry.launches.leases import LEASE_MS
from podium.registry.launches.tables import LaunchCluster, LaunchRow
from podium.registry.models import ModelVersion
from podium.registry.outbox import OutboxEvent
from podium.registry.webhooks.tables import Delivery
from podium.tracker import runs, telemetry
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.clock import now_ms
from podium.tracker.config import Config
from podium.tracker.db import Database
from podium.tracker.metrics.tables import MetricBatch
from podium.tracker.services import EXTENSION, Services
from podium.tracker.turns import JobTurn, Turns
from podium.tracker.worker import Job, do_once
from sqlalchemy import select, update

from ..registry.test_operations import webhook
from .conftest import CHART

ALERTS = CHART / "files" / "alerts.yaml"
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load(ALERTS.read_text())["groups"]
    for rule in group["rules"]
}
_SAMPLE = re.compile(r"^(podium_\w+)(\{[^}]*\})? (\S+)$", re.M)
_COUNTERS = ("_total", "_count", "_sum", "_bucket")
_MINUTES = 60


class Server:
    """The application over a database of its own; ``wrong`` makes it ill."""

    def __init__(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        self.app, self.monkeypatch = app, monkeypatch
        self.http = app.test_client()
        self.services: Services = app.extensions[EXTENSION]
        self.db = self.services.db

    def exposed(self) -> dict[str, float]:
        self.services.state._until = 0.0
        text = self.http.get("/metrics").get_data(as_text=True)
        return {f"{name}{labels}": float(value) for name, labels, value in _SAMPLE.findall(text)}

    def add(self, *rows: object) -> None:
        with self.db.writing() as session:
            session.add_all(rows)

    def works(self) -> None:
        told = Turns(self.db)
        told.ended("compact metrics", 5, "")
        told.write()


@pytest.fixture
def server(
    sqlite_url: str, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    db = Database(sqlite_url, pool_size=1)
    app = create_app(Config(database_url=sqlite_url, artifacts="unused"), db=db, store=store)
    # On a busy machine a request may take so long that an alert is right to fire.
    _by_clock(monkeypatch, 0.001)
    yield Server(app, monkeypatch)
    db.close()


def requests_fail(server: Server) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable("the disk is full")

    server.monkeypatch.setattr(runs, "create_run", fail)
    answer = server.http.post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})
    assert answer.status_code == 503


def _by_clock(patched: pytest.MonkeyPatch, seconds: float) -> None:
    """Each request takes as long, as the clock has it that it is measured by."""
    clock = itertools.count(step=seconds)
    patched.setattr(telemetry, "time", SimpleNamespace(perf_counter=lambda: next(clock)))


def requests_are_slow(server: Server) -> None:
    with server.monkeypatch.context() as patched:
        _by_clock(patched, 3.0)
        server.http.get("/version")


def connections_are_held(server: Server) -> None:
    server.db.engine.pool._timeout = 0.05
    with server.db.reading() as session:
        session.connection()
        asked = {"name": "x"}
        answer = server.http.post("/api/2.0/mlflow/registered-models/create", json=asked)
    assert answer.status_code == 503


def a_job_is_late(server: Server) -> None:
    late = now_ms() - 1000 * (operations.OVERDUE_SECONDS + 60)
    server.add(JobTurn(job="deliver events", every=5, done=late, problem=""))


def a_job_fails(_server: Server) -> None:
    def fail() -> None:
        raise Unavailable("the bucket is away")

    assert not do_once([Job("sweep unfinished uploads", 1, fail)])


def no_worker_came(server: Server) -> None:
    with server.db.writing() as session:
        for turn in session.scalars(select(JobTurn)):
            session.delete(turn)


def an_event_waits(server: Server) -> None:
    created = now_ms() - 1000 * (operations.OUTBOX_SECONDS + 60)
    server.add(event(created, spread=False))


def a_delivery_waits(server: Server) -> None:
    due = now_ms() - 1000 * (operations.DELIVERY_SECONDS + 60)
    server.add(webhook(), event(due, spread=True))
    server.add(Delivery(webhook=1, event=1, key="k", state="PENDING", begun=due, due=due))


def a_receiver_refuses(server: Server) -> None:
    server.add(webhook(failing_since=now_ms()))


def points_wait(server: Server) -> None:
    run = runs.create_run(server.db)
    answer = server.http.post(
        "/api/2.0/mlflow/runs/log-metric",
        json={"run_id": run.run_id, "key": "loss", "value": 1, "timestamp": 1},
    )
    assert answer.status_code == 200
    age = 1000 * (operations.COMPACTION_SECONDS + 60)
    with server.db.writing() as session:
        session.execute(update(MetricBatch).values(received=MetricBatch.received - age))


def a_version_waits(server: Server) -> None:
    run = runs.create_run(server.db)
    registered.create_model(server.db, name="m")
    versions.create_version(server.db, name="m", source=f"runs:/{run.run_id}/model")
    age = 1000 * (operations.INSPECTION_SECONDS + 60)
    with server.db.writing() as session:
        session.execute(update(ModelVersion).values(creation_time=ModelVersion.creation_time - age))
    with server.db.writing() as session:  # what it told of is delivered
        session.execute(update(OutboxEvent).values(spread=True))


def a_launch_waits(server: Server) -> None:
    created = now_ms() - 1000 * (operations.LAUNCH_SECONDS + 60)
    server.add(launch(created=created))


def a_cluster_is_neglected(server: Server) -> None:
    seen = now_ms() - 1000 * (operations.RECONCILE_SECONDS + 60)
    server.add(LaunchCluster(name="main", leased_until=seen + LEASE_MS))
    server.add(launch(cluster="main", state="RUNNING", created=now_ms()))


def a_cluster_is_away(server: Server) -> None:
    server.add(LaunchCluster(name="main", away_since=now_ms(), problem="It refused us."))


def the_database_is_away(server: Server) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none")
    server.monkeypatch.setattr(server.services.state, "_db", away)


def nothing(_server: Server) -> None:
    pass


WRONG: dict[str, tuple[Callable[[Server], None], dict[str, str]]] = {
    "PodiumAway": (nothing, {}),
    "PodiumDatabaseAway": (the_database_is_away, {}),
    "PodiumErrors": (requests_fail, {}),
    "PodiumSlow": (requests_are_slow, {}),
    "PodiumConnectionsUsedUp": (connections_are_held, {}),
    "PodiumNoWorker": (no_worker_came, {}),
    "PodiumJobOverdue": (a_job_is_late, {"name": "deliver events"}),
    "PodiumJobFailing": (a_job_fails, {"name": "sweep unfinished uploads"}),
    "PodiumEventsStuck": (an_event_waits, {}),
    "PodiumDeliveriesStuck": (a_delivery_waits, {}),
    "PodiumWebhookFailing": (a_receiver_refuses, {}),
    "PodiumCompactionBehind": (points_wait, {}),
    "PodiumInspectionBehind": (a_version_waits, {}),
    "PodiumLaunchesStuck": (a_launch_waits, {}),
    "PodiumReconcileBehind": (a_cluster_is_neglected, {}),
    "PodiumClusterAway": (a_cluster_is_away, {}),
}
# What comes with it: a request that finds no connection fails, too.
_ALSO = {"PodiumConnectionsUsedUp": {"PodiumErrors"}}


@pytest.mark.parametrize("alert", RULES)
def test_it_fires(server: Server, alert: str, tmp_path: Path) -> None:
    go_wrong, labels = WRONG[alert]
    server.works()
    server.exposed()  # the first look is at the second look's own request, too
    before = server.exposed()
    server.http.get("/health")
    go_wrong(server)
    after = server.exposed()
    series = [] if alert == "PodiumAway" else _series(before, after)
    expected = {alert, *_ALSO.get(alert, ())}
    promtool_test(tmp_path, series, {alert: labels}, quiet=set(RULES) - expected)


def test_nothing_fires_when_all_is_well(server: Server, tmp_path: Path) -> None:
    server.works()
    server.exposed()
    before = server.exposed()
    for _ in range(20):
        server.http.get("/health")
    runs.create_run(server.db)
    promtool_test(tmp_path, _series(before, server.exposed()), {}, quiet=set(RULES))


def test_the_page_and_the_alerts_have_the_same_limits() -> None:
    for alert, limit in {
        "PodiumEventsStuck": operations.OUTBOX_SECONDS,
        "PodiumDeliveriesStuck": operations.DELIVERY_SECONDS,
        "PodiumCompactionBehind": operations.COMPACTION_SECONDS,
        "PodiumInspectionBehind": operations.INSPECTION_SECONDS,
        "PodiumLaunchesStuck": operations.LAUNCH_SECONDS,
        "PodiumReconcileBehind": operations.RECONCILE_SECONDS,
        "PodiumJobOverdue": operations.OVERDUE_SECONDS,
    }.items():
        assert RULES[alert]["expr"].endswith(f" > {limit}"), alert


def test_every_alert_and_finding_has_a_runbook() -> None:
    text = (CHART.parents[1] / "docs" / "runbooks.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    for alert, rule in RULES.items():
        anchor = rule["annotations"]["runbook"].removeprefix("docs/runbooks.md#")
        assert f"**{alert}**" in sections[anchor], alert
    source = Path(operations.__file__).read_text()
    named = set(re.findall(r'"(\w+)"(?:, page)?\)', source))
    named |= {age.subject for age in operations._AGES}
    assert named & set(sections) >= {
        "jobs",
        "events",
        "deliveries",
        "webhooks",
        "compaction",
        "inspection",
        "launches",
    }


def test_rules_and_dashboard_ask_for_what_there_is(server: Server) -> None:
    """A metric that is renamed would leave them silent for ever."""
    server.works()
    a_job_fails(server)
    there = {name.partition("{")[0] for name in server.exposed()}
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [rule["expr"] for rule in RULES.values()]
    for name in set(re.findall(r"podium_\w+", " ".join(asked))):
        # Those of deliveries are there from the first delivery on.
        assert name in there | {"podium_webhook_attempts_total"}, name


def event(created: int, *, spread: bool) -> OutboxEvent:
    return OutboxEvent(
        event_id="e", type="x", key="k", actor="a", data="{}", created=created, spread=spread
    )


def launch(**more: object) -> LaunchRow:
    columns: dict[str, object] = {
        "launch_id": "l" * 32,
        "name": "m",
        "purpose": "training",
        "target": "job",
        "spec": "{}",
        "author": "a",
        **more,
    }
    return LaunchRow(**columns)


def promtool_test(
    folder: Path, series: list[dict[str, str]], fires: dict[str, dict[str, str]], quiet: set[str]
) -> None:
    """Those of ``fires`` are on after an hour, with these labels; those of ``quiet`` are not."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("No promtool here. Install it with: apt-get install -y prometheus")
    expected: list[dict[str, Any]] = [
        {
            "eval_time": f"{_MINUTES}m",
            "alertname": alert,
            "exp_alerts": [
                {
                    "exp_labels": {**RULES[alert]["labels"], **labels},
                    "exp_annotations": {
                        name: text.replace("{{ $labels.name }}", labels.get("name", ""))
                        for name, text in RULES[alert]["annotations"].items()
                    },
                }
            ],
        }
        for alert, labels in fires.items()
    ]
    expected += [
        {"eval_time": f"{_MINUTES}m", "alertname": alert, "exp_alerts": []} for alert in quiet
    ]
    path = folder / "test.yaml"
    test = {"interval": "1m", "input_series": series, "alert_rule_test": expected}
    path.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": [test]})
    )
    done = subprocess.run(
        [promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _series(before: dict[str, float], after: dict[str, float]) -> list[dict[str, str]]:
    found = []
    for name, value in after.items():
        grows = name.partition("{")[0].endswith(_COUNTERS)
        step = max(0.0, value - before.get(name, 0.0)) if grows else 0.0
        found.append({"series": name, "values": f"{value}+{step}x{_MINUTES}"})
    return found
