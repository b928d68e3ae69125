"""The pages of launches: lists, one launch with its reason and log, and the rules."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from podium.registry import versions
from podium.registry.app import create_app
from podium.registry.launches import rules, start
from podium.registry.launches.tables import LaunchRow
from podium.tracker.config import Config
from sqlalchemy import select

from ..conftest import elements
from .conftest import EVALUATE, SERVE, TRAIN, World, condition, ready


@pytest.fixture
def pages(world: World, sqlite_url: str) -> FlaskClient:
    config = Config(database_url=sqlite_url, artifacts=world.artifacts, launch_site=world.path)
    app: Flask = create_app(config, db=world.db, store=world.store)
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


def post(pages: FlaskClient, path: str, **form: str) -> tuple[int, str]:
    found = pages.post(path, data=form, headers={"Origin": "http://localhost"})
    return found.status_code, found.text


def test_where_nothing_is_launched_it_says_how(pages: FlaskClient) -> None:
    assert "podium launch example job" in pages.get("/launches").text
    assert "None yet" in pages.get("/launch-rules").text


def test_a_launch_with_its_reason_and_log(world: World, pages: FlaskClient) -> None:
    world.version()
    launch = world.start(TRAIN)
    world.work()
    job = world.server.find("Job")
    ended = {"exitCode": 137, "reason": "OOMKilled"}
    world.pod(job, containerStatuses=[{"name": "main", "state": {"terminated": ended}}])
    world.server.logs["pod"] = "2027-01-15T08:00:00Z <b>the last</b> line\n"
    page = pages.get(f"/launches/{launch.launch_id}").text
    assert "&lt;b&gt;the last&lt;/b&gt; line" in page  # as it comes
    assert "data-running" in page
    world.server.say(job, conditions=[condition("Failed", "BackoffLimitExceeded")])
    world.work()
    page = pages.get(f"/launches/{launch.launch_id}").text
    assert "used more memory than its limit" in page
    assert "Raise resources.memory" in page
    assert "&lt;b&gt;the last&lt;/b&gt; line" in page  # as it was kept
    assert "data-running" not in page
    assert "Stop it" not in page
    listing = pages.get("/launches?model=churn").text
    assert launch.launch_id in listing
    assert launch.launch_id not in pages.get("/launches?active=1").text
    for path in ("/models/churn/versions/1", f"/runs/{launch.run_id}"):
        page = pages.get(path).text
        assert launch.launch_id in page
        assert "used more memory than its limit" in page
        assert "Raise resources.memory" in page


def test_what_a_run_has_used_over_all_its_launches(world: World, pages: FlaskClient) -> None:
    world.version()
    first = world.start(TRAIN)
    world.work()
    assert "GPU hours" not in pages.get(f"/runs/{first.run_id}").text
    world.start(TRAIN, run_id=first.run_id)
    world.start(TRAIN, run_id=first.run_id)
    other = world.start(TRAIN)
    world.work()
    used = [(5400.0, 2.5, "EUR"), (1800.0, 1.0, "EUR"), (0.0, 4.0, "USD"), (9.0, 9.0, "EUR")]
    with world.db.writing() as session:
        rows = session.scalars(select(LaunchRow).order_by(LaunchRow.id)).all()
        for row, (gpu_seconds, cost, currency) in zip(rows, used, strict=True):
            row.gpu_seconds, row.cost, row.currency = gpu_seconds, cost, currency
    page = pages.get(f"/runs/{first.run_id}").text
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd[^>]*>([^<]*)</dd>", page))
    assert (facts["GPU hours"], facts["Cost"]) == ("2", "3.50 EUR, 4.00 USD")
    assert pages.get(f"/api/v1/runs/{first.run_id}/usage").json == {
        "gpu_seconds": 7200.0,
        "costs": [{"currency": "EUR", "cost": 3.5}, {"currency": "USD", "cost": 4.0}],
        "launches": 3,
    }
    assert pages.get(f"/api/v1/runs/{other.run_id}/usage").json == {
        "gpu_seconds": 9.0,
        "costs": [{"currency": "EUR", "cost": 9.0}],
        "launches": 1,
    }
    assert pages.get(f"/api/v1/runs/{'0' * 32}/usage").status_code == 404


def test_a_cluster_that_is_away_is_said(world: World, pages: FlaskClient) -> None:
    world.version()
    launch = world.start(TRAIN)
    world.work()
    world.server.down = True
    world.clock.pass_seconds(20)
    with pytest.raises(Exception, match="does not answer"):
        world.work()
    page = pages.get(f"/launches/{launch.launch_id}")
    assert page.status_code == 200
    assert "does not answer, so this is as it was seen last" in page.text
    assert "The cluster main does not answer" in pages.get("/launches").text


def test_stopping(world: World, pages: FlaskClient) -> None:
    world.version()
    launch = world.start(TRAIN)
    path = f"/launches/{launch.launch_id}"
    assert "Stop it" in pages.get(path).text
    assert post(pages, f"{path}/stop")[0] == 303
    assert "is to stop" in pages.get(path).text
    world.work()
    status, text = post(pages, f"{path}/stop")
    assert status == 409
    assert "has ended: it is STOPPED" in text


def test_rules(world: World, pages: FlaskClient) -> None:
    spec = f"target: job\npurpose: evaluate\nimage: {EVALUATE['image']}\n"
    wrong = {"model": "ch*", "stage": "Staging", "spec": spec + "workers: 0\nimag: x\n"}
    status, text = post(pages, "/launch-rules", **wrong)
    assert status == 400
    assert "imag: is no field here; did you mean image?" in text
    assert "workers: 0" in text  # what was typed stays
    assert post(pages, "/launch-rules", **{**wrong, "spec": spec})[0] == 303
    [rule] = rules.list_rules(world.db)
    assert "ch*" in pages.get("/launch-rules").text
    assert post(pages, f"/launch-rules/{rule.id}/delete")[0] == 303
    assert rules.list_rules(world.db) == []


def test_what_has_no_version(world: World, pages: FlaskClient) -> None:
    spec = {**TRAIN, "name": "nightly"}
    launch = start.start(world.db, world.site, spec, artifacts=world.artifacts)
    assert "Train nightly" in pages.get(f"/launches/{launch.launch_id}").text
    world.work()
    assert world.launch(launch).state == "PENDING"


def test_what_serves_a_version_is_the_end_of_its_lineage(world: World, pages: FlaskClient) -> None:
    number = world.version()
    world.rule("Production", SERVE)
    world.promote(number, "Production")
    [launch] = world.launches()
    world.work()
    found = world.server.find("Deployment")
    world.server.say(found, **ready(found))
    world.work()
    run_id = versions.get_version(world.db, "churn", number).run_id
    for path in (f"/models/churn/versions/{number}", f"/runs/{run_id}/lineage"):
        page = elements(pages.get(path).text)
        drawn = [text for tag, text in page.texts if tag == "text"]
        assert drawn.index("Stages") < drawn.index("Deployments")
        assert "deployment, ready" in drawn
        said = f">Production</a>: leads to {world.launch(launch).endpoint}</li>"
        assert said in pages.get(path).text
    # Another version takes the stage over: the one before serves no more.
    newer = world.version()
    world.promote(newer, "Production")
    texts = elements(pages.get(f"/models/churn/versions/{newer}").text).texts
    assert ("text", "deployment, waiting") in texts
    start.stop(world.db, launch.launch_id)
    world.work()
    texts = elements(pages.get(f"/models/churn/versions/{number}").text).texts
    assert ("text", "Deployments") not in texts


def test_a_canary_and_what_it_serves_are_on_the_launch_and_the_run(
    world: World, pages: FlaskClient
) -> None:
    first, second = world.version(), world.version()
    spec = {"target": "kserve", "purpose": "serve", "canary": {"version": second, "percent": 10}}
    launch = world.start(spec)
    canary = f'<a href="/models/churn/versions/{second}">version {second}</a> gets 10 % of the'
    assert canary in pages.get(f"/launches/{launch.launch_id}").text
    run = versions.get_version(world.db, "churn", first).run_id
    page = pages.get(f"/runs/{run}").text
    assert f"/launches/{launch.launch_id}" in page
    assert canary in page
