"""What a promotion would launch, told and tried out before anybody approves it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from podium.client.errors import NotFound
from podium.client.launches import LaunchPreview
from podium.client.promotion import Promotion
from podium.registry import promotion
from podium.registry.app import create_app
from podium.registry.launches.preview import coming, preview_request
from podium.registry.promotion import policies, stage_sets
from podium.tracker.config import Config
from podium.tracker.db import Database

from .conftest import EVALUATE, SERVE, World, ready

TRACKED = {**SERVE, "tracking": {"uri": "http://podium.podium.svc"}}


def asked(world: World, version: int, stage: str, **more: Any) -> Promotion:
    policies.set_policy(world.db, "churn", stage, {"approvals": 1})
    return promotion.promote(world.db, name="churn", version=version, stage=stage, **more)


def preview(world: World, request: Promotion) -> LaunchPreview:
    return preview_request(world.db, world.path, "churn", request.id, artifacts=world.artifacts)


def told(found: LaunchPreview) -> list[tuple[str, str, int, str]]:
    return [(each.purpose, each.stage, each.version, each.rule) for each in found.launches]


def test_what_the_rules_launch_is_tried_and_nothing_is_left(world: World) -> None:
    world.rule("Production", EVALUATE)
    world.rule("Production", TRACKED, model="ch*")
    request = asked(world, world.version(), "Production")
    found = preview(world, request)
    assert told(found) == [
        ("evaluate", "Production", 1, "churn"),
        ("serve", "Production", 1, "ch*"),
    ]
    assert [each.tried.accepted for each in found.launches] == [True, True]
    assert [each.kind for each in found.launches[1].tried.verdicts] == ["Service", "Deployment"]
    assert "kind: Deployment" in found.launches[1].tried.manifests
    assert found.launches[0].spec["source"] == {
        "model": "churn",
        "version": 1,
        "stage": "Production",
    }
    assert world.server.objects == {}
    assert world.launches() == []


def test_it_is_what_the_promotion_launches_then(world: World) -> None:
    """Also in the stages that are left, and where those go who have to leave."""
    for stage in ("Staging", "Production", "Archived"):
        world.rule(stage, TRACKED)
    world.rule("Production", EVALUATE)
    first, second, third = (world.version() for _ in range(3))
    world.promote(first, "Production")
    world.promote(second, "Staging")
    promotion.promote(world.db, name="churn", version=third, stage="Staging", archive=False)
    world.work()
    before = {each.launch_id for each in world.launches()}
    request = asked(world, third, "Production")
    found = preview(world, request)
    promotion.override(world.db, name="churn", request_id=request.id, reason="now")
    made = [each for each in world.launches() if each.launch_id not in before]
    assert sorted(told(found)) == sorted(
        (each.purpose, each.stage, each.version, "churn") for each in made
    )
    assert sorted(told(found)) == [
        ("evaluate", "Production", third, "churn"),
        ("serve", "Archived", first, "churn"),
        ("serve", "Production", third, "churn"),
        ("serve", "Staging", second, "churn"),
    ]
    assert preview(world, request) == LaunchPreview((), ())  # nothing is to come any more


def test_a_lower_version_beside_a_higher_one_is_not_served(world: World) -> None:
    world.rule("Production", TRACKED)
    first, second = world.version(), world.version()
    world.promote(second, "Production")
    assert told(preview(world, asked(world, first, "Production", archive=False))) == []


def test_what_is_stopped_is_told(world: World) -> None:
    version = world.version()
    world.promote(version, "Staging")
    serving = world.start(TRACKED)
    world.work()
    world.server.say(world.server.find("Deployment"), **ready(world.server.find("Deployment")))
    world.work()
    request = asked(world, version, "Production")
    found = preview(world, request)
    assert [each.launch_id for each in found.stops] == [serving.launch_id]
    assert coming(world.db, "churn", request.id)
    promotion.override(world.db, name="churn", request_id=request.id, reason="now")
    assert world.launch(serving).desired == "STOP"


def test_a_service_that_follows_its_stage_without_a_rule(world: World) -> None:
    first, second = world.version(), world.version()
    world.promote(first, "Staging")
    world.start(TRACKED)
    found = preview(world, asked(world, second, "Staging"))
    assert told(found) == [("serve", "Staging", second, "")]


class TestWhereNothingCanBeAsked:
    def test_a_cluster_that_is_away(self, world: World) -> None:
        world.rule("Production", EVALUATE)
        world.rule("Production", TRACKED)
        request = asked(world, world.version(), "Production")
        world.server.down = True
        found = preview(world, request)
        for each in found.launches:
            assert not each.tried.accepted
            assert each.tried.problem.startswith("It could not be tried out now. The API server")
            assert each.tried.manifests
            assert each.tried.verdicts == ()

    def test_one_that_the_worker_knows_to_be_away_is_not_asked(self, world: World) -> None:
        world.rule("Staging", EVALUATE)
        version = world.version()
        request = asked(world, version, "Staging")
        world.start(EVALUATE)
        world.server.down = True
        with pytest.raises(Exception, match="does not answer"):
            world.work()
        world.server.down = False
        before = dict(world.server.calls)
        assert "does not answer" in preview(world, request).launches[0].tried.problem
        assert dict(world.server.calls) == before

    def test_one_that_cannot_answer_this_now(self, world: World) -> None:
        """It says nothing of what is tried after it."""
        world.rule("Production", EVALUATE)
        world.rule("Production", TRACKED)
        request = asked(world, world.version(), "Production")
        world.server.fail.append((500, "failed calling webhook"))
        first, second = preview(world, request).launches
        assert "failed calling webhook" in first.tried.problem
        assert second.tried.accepted

    def test_a_rule_that_the_site_no_longer_allows(self, world: World) -> None:
        site = json.loads(world.path.read_text())
        world.path.write_text(json.dumps({**site, "service_accounts": ["trainer"]}))
        world.rule("Staging", {**EVALUATE, "service_account": "trainer"})
        world.path.write_text(json.dumps({**site, "max_gpus": 63}))
        [found] = preview(world, asked(world, world.version(), "Staging")).launches
        assert "service_account: 'trainer' is not allowed" in found.tried.problem
        assert not found.tried.accepted

    def test_a_site_that_cannot_be_read(self, world: World) -> None:
        world.rule("Staging", EVALUATE)
        request = asked(world, world.version(), "Staging")
        world.path.write_text("clusters: 3, and too much else")
        [found] = preview(world, request).launches
        assert "PODIUM_LAUNCH_SITE" in found.tried.problem

    def test_a_stage_that_is_gone(self, world: World) -> None:
        world.rule("Staging", EVALUATE)
        request = asked(world, world.version(), "Staging")
        stage_sets.set_stages(
            world.db, "churn", {"stages": [{"name": "None"}, {"name": "Archived"}]}
        )
        assert preview(world, request) == LaunchPreview((), ())

    def test_no_such_request(self, world: World) -> None:
        with pytest.raises(NotFound, match="no request 7"):
            preview_request(world.db, world.path, "churn", 7, artifacts="")


@pytest.fixture
def pages(world: World, sqlite_url: str, db: Database) -> FlaskClient:
    config = Config(database_url=sqlite_url, artifacts=world.artifacts, launch_site=world.path)
    client = create_app(config, db=db, store=world.store).test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


class TestThePage:
    def test_it_is_loaded_when_the_page_is_there(self, world: World, pages: FlaskClient) -> None:
        hostile = "<script>alert(1)</script>"
        world.rule("Staging", {**EVALUATE, "env": {"NOTE": hostile}, "args": [hostile]})
        request = asked(world, world.version(), "Staging")
        address = f"/models/churn/requests/{request.id}"
        page = pages.get(address).text
        assert f'hx-get="{address}/launches"' in page
        assert "Evaluate on job for Staging" in page
        assert world.server.calls["PATCH"] == 0  # the page itself waits for no cluster
        fragment = pages.get(f"{address}/launches", headers={"HX-Request": "true"}).text
        assert fragment.lstrip().startswith("<section")
        assert "accepted" in fragment
        assert "&lt;script&gt;alert(1)" in fragment
        assert "<script" not in fragment
        whole = pages.get(f"{address}/launches").text  # as a page without a script asks for it
        assert "<h1>" in whole
        assert "accepted" in whole

    def test_what_the_cluster_refuses_is_said_with_its_field(
        self, world: World, pages: FlaskClient
    ) -> None:
        world.rule("Staging", EVALUATE)
        request = asked(world, world.version(), "Staging")
        world.server.fail.append((400, 'strict decoding error: unknown field "spec.foo"'))
        page = pages.get(f"/models/churn/requests/{request.id}/launches").text
        assert "The API server refused spec.foo of the object." in page
        assert "strict decoding error" in page

    def test_a_cluster_that_is_away_breaks_nothing(self, world: World, pages: FlaskClient) -> None:
        world.rule("Staging", EVALUATE)
        request = asked(world, world.version(), "Staging")
        world.server.down = True
        page = pages.get(f"/models/churn/requests/{request.id}/launches")
        assert page.status_code == 200
        assert "It could not be tried out now." in page.text

    def test_where_nothing_is_to_come_nothing_is_said(
        self, world: World, pages: FlaskClient
    ) -> None:
        request = asked(world, world.version(), "Staging")
        address = f"/models/churn/requests/{request.id}"
        assert "What it launches" not in pages.get(address).text
        world.rule("Staging", EVALUATE)
        assert "What it launches" in pages.get(address).text
        promotion.withdraw(world.db, name="churn", request_id=request.id)
        assert "What it launches" not in pages.get(address).text

    def test_what_it_has_launched_is_told_afterwards(
        self, world: World, pages: FlaskClient
    ) -> None:
        world.rule("Staging", EVALUATE)
        request = asked(world, world.version(), "Staging")
        promotion.override(world.db, name="churn", request_id=request.id, reason="now")
        [launch] = world.launches()
        page = pages.get(f"/models/churn/requests/{request.id}").text
        assert f"/launches/{launch.launch_id}" in page
        assert "What it launches" not in page
