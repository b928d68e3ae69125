"""What roles and tokens are for in promotion, and what the audit log says of refusals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from podium.registry import registered, versions
from podium.registry.app import create_app
from podium.registry.promotion import policies
from podium.registry.read import find_version
from podium.tracker import audit, runs
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import accounts, grants, tokens
from podium.tracker.auth.roles import Role
from podium.tracker.config import Config
from podium.tracker.db import Database

from ...api import Json

MODEL = "fraud-eu"
PROMOTIONS = f"/api/v1/models/{MODEL}/promotions"
RENAME = "/api/2.0/mlflow/registered-models/rename"


class World:
    """A model under a policy, and people with roles on it."""

    def __init__(self, app: Flask, db: Database) -> None:
        self.app, self.db = app, db
        registered.create_model(db, name=MODEL)
        run = runs.create_run(db, experiment_id="0")
        versions.create_version(db, name=MODEL, source=f"runs:/{run.run_id}/model")
        with db.writing() as session:
            find_version(session, MODEL, 1).digest = "0" * 64
        policies.set_policy(db, MODEL, "Production", {"approvals": 1})
        accounts.create(db, name="root", role=Role.ADMIN)
        accounts.create(db, name="stranger")
        for role in (Role.VIEWER, Role.EDITOR, Role.APPROVER, Role.ADMIN):
            name = f"the-{role.label}"
            accounts.create(db, name=name)
            grants.give(db, "model", MODEL, principal=name, role=role)

    def post(self, path: str, who: str, *scopes: str, **body: Any) -> tuple[int, Json]:
        """As ``who``, by a token for ``scopes``; by default those of any new token."""
        secret, _ = tokens.create(self.db, who, name="test", scopes=scopes or tokens.DEFAULT_SCOPES)
        headers = {"Authorization": f"Bearer {secret}"}
        answer = self.app.test_client().post(path, json=body, headers=headers)
        return answer.status_code, answer.get_json()

    def refusals(self) -> list[tuple[str, str, str, str]]:
        """(actor, action, subject, reason), but for what is said of routes."""
        rows = reversed(audit.search(self.db, max_results=1000).items)
        return [
            (row["actor"], row["action"], row["subject"], row["reason"])
            for row in rows
            if row["action"].endswith(".refused")
        ]


@pytest.fixture
def world(sqlite_url: str, store: ArtifactStore) -> Iterator[World]:
    db = Database(sqlite_url, pool_size=4)
    config = Config(database_url=sqlite_url, artifacts="unused", auth_required=True)
    yield World(create_app(config, db=db, store=store), db)
    db.close()


class TestRenaming:
    @pytest.mark.parametrize("who", ["the-editor", "the-admin"])
    def test_no_role_on_the_model_leads_from_under_its_policy(self, world: World, who: str) -> None:
        status, told = world.post(RENAME, who, name=MODEL, new_name="zzz")
        assert (status, told["error_code"]) == (403, "PERMISSION_DENIED")
        assert "would have other policies" in told["message"]
        assert world.refusals() == [
            (who, "model.rename.refused", f"model:{MODEL}", told["message"])
        ]

    def test_it_takes_a_token_that_may_change_rules(self, world: World) -> None:
        assert world.post(RENAME, "root", name=MODEL, new_name="zzz")[0] == 403
        scopes = ("register", "admin")
        assert world.post(RENAME, "root", *scopes, name=MODEL, new_name="zzz")[0] == 200


class TestOverriding:
    def test_it_takes_a_token_that_may_approve(self, world: World) -> None:
        asked: dict[str, Any] = {"version": 1, "stage": "Production", "override": "now"}
        status, told = world.post(PROMOTIONS, "the-admin", **asked)
        assert status == 403
        assert "'approve'" in told["message"]
        assert versions.get_version(world.db, MODEL, 1).stage == "None"
        assert [each[:3] for each in world.refusals()] == [
            ("the-admin", "version.promote.refused", f"model:{MODEL}/1")
        ]
        scopes = ("register", "approve")
        assert world.post(PROMOTIONS, "the-admin", *scopes, **asked)[0] == 200
        assert versions.get_version(world.db, MODEL, 1).stage == "Production"

    def test_nor_does_it_where_there_is_no_policy(self, world: World) -> None:
        asked: dict[str, Any] = {"version": 1, "stage": "Staging", "override": "now"}
        assert world.post(PROMOTIONS, "the-admin", **asked)[0] == 403
        del asked["override"]
        assert world.post(PROMOTIONS, "the-admin", **asked)[0] == 200

    def test_a_request_is_overridden_by_the_same(self, world: World) -> None:
        status, request = world.post(PROMOTIONS, "the-editor", version=1, stage="Production")
        assert (status, request["status"]) == (200, "WAITING")
        path = f"/api/v1/models/{MODEL}/requests/{request['id']}/override"
        assert world.post(path, "the-admin", reason="now")[0] == 403
        status, done = world.post(path, "the-admin", "register", "approve", reason="now")
        assert (status, done["overridden"]) == (200, True)


ASKED: Json = {"version": 1, "stage": "Production"}


class TestWhatIsRefusedForARole:
    """The log says of which model and why, as for any other refusal; of routes it does besides."""

    @pytest.fixture
    def request_id(self, world: World) -> int:
        status, found = world.post(PROMOTIONS, "the-editor", **ASKED)
        assert status == 200
        return int(found["id"])

    def test_asking(self, world: World) -> None:
        status, told = world.post(PROMOTIONS, "the-viewer", **ASKED)
        assert status == 403
        assert world.refusals() == [
            ("the-viewer", "version.promote.refused", f"model:{MODEL}/1", told["message"])
        ]

    @pytest.mark.parametrize("what", ["approve", "reject", "withdraw", "override"])
    def test_deciding(self, world: World, request_id: int, what: str) -> None:
        who = "the-viewer" if what == "withdraw" else "the-editor"
        path = f"/api/v1/models/{MODEL}/requests/{request_id}/{what}"
        body = {} if what == "approve" else {"reason": "no"}
        status, told = world.post(path, who, "register", "approve", **body)
        assert status == 403
        assert world.refusals() == [
            (who, f"request.{what}.refused", f"model:{MODEL}/1", told["message"])
        ]

    def test_who_has_lost_the_role(self, world: World, request_id: int) -> None:
        path = f"/api/v1/models/{MODEL}/requests/{request_id}/approve"
        grants.give(world.db, "model", MODEL, principal="the-approver", role=Role.VIEWER)
        status, told = world.post(path, "the-approver", "approve")
        assert status == 403
        assert world.refusals() == [
            ("the-approver", "request.approve.refused", f"model:{MODEL}/1", told["message"])
        ]

    def test_taking_back(self, world: World) -> None:
        path = f"/api/v1/models/{MODEL}/rollbacks"
        status, told = world.post(path, "the-viewer", stage="Production")
        assert status == 403
        assert world.refusals() == [
            ("the-viewer", "version.roll_back.refused", f"model:{MODEL}", told["message"])
        ]

    def test_by_a_stock_client(self, world: World) -> None:
        path = "/api/2.0/mlflow/model-versions/transition-stage"
        status, told = world.post(path, "the-viewer", name=MODEL, version="1", stage="Staging")
        assert status == 403
        assert world.refusals() == [
            ("the-viewer", "version.promote.refused", f"model:{MODEL}/1", told["message"])
        ]

    def test_what_somebody_may_not_see_is_not_there_and_not_noted(
        self, world: World, request_id: int
    ) -> None:
        path = f"/api/v1/models/{MODEL}"
        for what, body in (
            ("promotions", ASKED),
            (f"requests/{request_id}/approve", {}),
            (f"requests/{request_id}/reject", {"reason": "no"}),
            ("rollbacks", {"stage": "Production"}),
        ):
            assert world.post(f"{path}/{what}", "stranger", "register", "approve", **body)[0] == 404
        assert world.refusals() == []
