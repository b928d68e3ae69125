"""Roles on one experiment or model, given and taken back from its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from podium.client.errors import Conflict
from podium.registry import registered
from podium.registry.app import create_app
from podium.tracker import audit, experiments
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import accounts, caller, credentials, grants, invitations
from podium.tracker.auth.authenticate import load
from podium.tracker.auth.caller import Visit
from podium.tracker.auth.permissions import EVERYTHING, SHARE
from podium.tracker.auth.roles import Role
from podium.tracker.auth.tables import Principal
from podium.tracker.config import Config
from podium.tracker.db import Database
from sqlalchemy import select
from werkzeug.test import TestResponse

from .conftest import elements

PASSWORD = "correct horse battery"
OURS = {"Origin": "http://localhost"}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "hasher", lambda: hasher)


@pytest.fixture
def db(sqlite_url: str) -> Iterator[Database]:
    found = Database(sqlite_url, pool_size=2)
    accounts.create(found, name="root", role=Role.ADMIN)
    for name in ("ada", "grace"):
        accounts.create(found, name=name)
    accounts.create(found, name="team", kind="group")
    accounts.set_members(found, "team", ["grace"])
    registered.create_model(found, name="a model")
    made = experiments.create_experiment(found, name="an experiment")
    assert made.experiment_id == "1"
    for kind, name in (("experiment", "1"), ("model", "a model")):
        grants.give(found, kind, name, principal="ada", role=Role.ADMIN)
    yield found
    found.close()


@pytest.fixture
def app(db: Database, store: ArtifactStore, sqlite_url: str) -> Flask:
    return create_app(Config(sqlite_url, "unused", auth_required=True), db=db, store=store)


def browser(app: Flask, db: Database, name: str) -> FlaskClient:
    invitations.accept(db, invitations.for_account(db, name), name="", password=PASSWORD)
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    signed_in = client.post("/login", data={"name": name, "password": PASSWORD}, headers=OURS)
    assert signed_in.status_code == 303
    return client


@pytest.fixture
def ada(app: Flask, db: Database) -> FlaskClient:
    return browser(app, db, "ada")


@pytest.fixture(params=["/experiments/1", "/models/a%20model"])
def thing(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def send(client: FlaskClient, path: str, **form: str) -> TestResponse:
    fields = elements(client.get(path.removesuffix("/take")).get_data(as_text=True)).tags("input")
    csrf = next(each["value"] for each in fields if each.get("name") == "csrf")
    return client.post(path, data={"csrf": csrf, **form}, headers=OURS)


def given(db: Database, thing: str) -> dict[str, str]:
    kind, name = ("experiment", "1") if "experiments" in thing else ("model", "a model")
    return {each.principal: each.role.label for each in grants.on(db, kind, name)}


def test_a_role_is_given_changed_and_taken_back(ada: FlaskClient, db: Database, thing: str) -> None:
    assert f'href="{thing}/access"' in ada.get(thing).get_data(as_text=True)
    answer = send(ada, f"{thing}/access", principal=" Grace ", role="viewer")
    assert (answer.status_code, answer.location) == (303, f"{thing}/access")
    assert given(db, thing) == {"ada": "admin", "grace": "viewer"}
    send(ada, f"{thing}/access", principal="grace", role="editor")
    send(ada, f"{thing}/access", principal="team", role="viewer")
    page = ada.get(f"{thing}/access").get_data(as_text=True)
    assert "of grace" in page, "whom a group lets in is said"
    assert given(db, thing) == {"ada": "admin", "grace": "editor", "team": "viewer"}
    assert send(ada, f"{thing}/access/take", principal="grace").status_code == 303
    assert given(db, thing) == {"ada": "admin", "team": "viewer"}
    last = audit.search(db, max_results=1).items[0]
    assert (last["actor"], last["action"]) == ("ada", "role.take")
    assert last["before"] == {"principal": "grace", "role": "editor"}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"principal": "nobody", "role": "viewer"}, "no account or group named &#39;nobody&#39;"),
        ({"principal": "", "role": "viewer"}, "no account or group named"),
        ({"principal": "grace", "role": "owner"}, "give one of"),
        ({"principal": "grace", "role": "member"}, "viewer, editor, approver or admin"),
    ],
)
def test_what_is_refused_stays_in_the_form(
    ada: FlaskClient, db: Database, thing: str, form: dict[str, str], said: str
) -> None:
    before = given(db, thing)
    answer = send(ada, f"{thing}/access", **form)
    assert answer.status_code == 400
    assert said in answer.get_data(as_text=True)
    fields = elements(answer.get_data(as_text=True)).tags("input")
    mine = [each for each in fields if (each.get("name"), each["type"]) == ("principal", "text")]
    assert [each["value"] for each in mine] == [form["principal"]]
    assert given(db, thing) == before


def test_somebody_stays_its_admin(ada: FlaskClient, db: Database, thing: str) -> None:
    refused = send(ada, f"{thing}/access", principal="ada", role="viewer")
    assert refused.status_code == 409
    assert "no admin left" in refused.get_data(as_text=True)
    assert send(ada, f"{thing}/access/take", principal="ada").status_code == 409
    accounts.set_members(db, "team", [])
    send(ada, f"{thing}/access", principal="team", role="admin")
    assert send(ada, f"{thing}/access/take", principal="ada").status_code == 409, "nobody is in it"
    accounts.set_members(db, "team", ["grace"])
    left = send(ada, f"{thing}/access/take", principal="ada")
    assert (left.status_code, left.location) == (303, thing.rpartition("/")[0])
    assert given(db, thing) == {"team": "admin"}
    assert ada.get(f"{thing}/access").status_code == 404


def test_an_admin_of_everything_may_take_the_last_one(app: Flask, db: Database, thing: str) -> None:
    root = browser(app, db, "root")
    page = root.get(f"{thing}/access").get_data(as_text=True)
    assert '<option value="grace">' in page
    assert send(root, f"{thing}/access/take", principal="ada").status_code == 303
    assert given(db, thing) == {}
    assert "Nobody was given a role" in root.get(f"{thing}/access").get_data(as_text=True)


def test_the_way_is_offered_to_whom_it_leads_somewhere(
    app: Flask, ada: FlaskClient, db: Database, thing: str
) -> None:
    send(ada, f"{thing}/access", principal="grace", role="editor")
    grace = browser(app, db, "grace")
    assert f"{thing}/access" not in grace.get(thing).get_data(as_text=True)
    assert grace.get(f"{thing}/access").status_code == 403
    assert '<option value="root">' not in ada.get(f"{thing}/access").get_data(as_text=True)


def test_a_command_may_take_the_last_admin_and_a_request_may_not(db: Database) -> None:
    with db.reading() as session:
        key = session.scalars(select(Principal.id).filter_by(name="ada")).one()
        caller.begin(Visit(load(session, key, EVERYTHING), permission=SHARE))
    try:
        with pytest.raises(Conflict, match="Make somebody else its admin first"):
            grants.take(db, "model", "a model", principal="ada")
    finally:
        caller.end()
    grants.take(db, "model", "a model", principal="ada")
