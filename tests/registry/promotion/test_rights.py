"""Whose word counts: roles on everything, on the model and through groups, as they are now."""

from __future__ import annotations

import pytest
from podium.client.errors import PermissionDenied
from podium.registry import promotion
from podium.registry.promotion import policies
from podium.registry.promotion.again import Review
from podium.registry.promotion.gates import Outside
from podium.registry.promotion.rights import role_here, role_of
from podium.registry.read import find_model
from podium.tracker.auth import accounts, caller, grants
from podium.tracker.auth.authenticate import load
from podium.tracker.auth.caller import LOCAL, Visit
from podium.tracker.auth.permissions import EVERYTHING
from podium.tracker.auth.roles import Role
from podium.tracker.auth.tables import Principal
from podium.tracker.db import Database
from sqlalchemy import select, update

from .conftest import Team


@pytest.fixture(autouse=True)
def nobody_stays() -> object:
    yield
    caller.end()


def become(db: Database, name: str) -> None:
    with db.reading() as session:
        account = session.scalars(select(Principal.id).where(Principal.name == name)).one()
        who = load(session, account, EVERYTHING)
    caller.begin(Visit(who))


def role(db: Database, name: str) -> Role:
    caller.end()
    with db.reading() as session:
        return role_of(session, name, find_model(session, "digits"))


def test_roles_add_up_and_are_those_of_now(db: Database, team: Team) -> None:
    accounts.create(db, name="ada", role=Role.VIEWER)
    accounts.create(db, name="reviewers", kind="group")
    assert role(db, "ada") is Role.VIEWER
    grants.give(db, "model", team.name, principal="reviewers", role=Role.APPROVER)
    accounts.set_members(db, "reviewers", ["ada"])
    assert role(db, "ada") is Role.APPROVER
    grants.give(db, "model", team.name, principal="ada", role=Role.ADMIN)
    assert role(db, "ada") is Role.ADMIN
    become(db, "ada")
    with db.reading() as session:
        assert role_here(session, find_model(session, team.name)) is Role.ADMIN
    caller.end()
    accounts.update(db, "ada", active=False)
    assert role(db, "ada") is Role.MEMBER
    assert role(db, "nobody") is Role.MEMBER


def test_what_was_done_while_nobody_was_asked_counts_while_nobody_is(
    db: Database, team: Team
) -> None:
    accounts.create(db, name="root", role=Role.ADMIN)
    for who, expected in ((Visit(LOCAL), Role.ADMIN), (None, Role.MEMBER)):
        if who is None:
            become(db, "root")
        else:
            caller.begin(who)
        with db.reading() as session:
            assert role_of(session, "local", find_model(session, team.name)) is expected


@pytest.mark.parametrize("name", ["local", "system"])
def test_what_an_account_of_nobodys_name_says_counts_for_nothing(
    db: Database, team: Team, name: str
) -> None:
    """None can be made; what there is from before decides nothing that waits."""
    for each, given in (("ada", Role.EDITOR), ("bo", Role.APPROVER)):
        accounts.create(db, name=each)
        grants.give(db, "model", team.name, principal=each, role=given)
    with db.writing() as session:
        session.execute(update(Principal).where(Principal.name == "bo").values(name=name))
    policies.set_policy(db, "*", "Production", {"approvals": 1})
    version = team.version()
    become(db, "ada")
    asked = promotion.promote(db, name=team.name, version=version, stage="Production")
    become(db, name)
    found = promotion.approve(db, name=team.name, request_id=asked.id)
    assert found.waiting
    assert f"{name} has not the role approver" in found.approvals[0].lapsed
    caller.end()
    Review(db, Outside(), anonymous=False).turn()
    assert team.stage_of(version) == "None"


def test_a_request_and_its_approval_by_accounts(db: Database, team: Team) -> None:
    for name, given in (("ada", Role.EDITOR), ("bo", Role.APPROVER), ("eve", Role.VIEWER)):
        accounts.create(db, name=name)
        grants.give(db, "model", team.name, principal=name, role=given)
    policies.set_policy(db, "*", "Production", {"approvals": 1})
    version = team.version()
    become(db, "eve")
    with pytest.raises(PermissionDenied):
        promotion.promote(db, name=team.name, version=version, stage="Production")
    become(db, "ada")
    asked = promotion.promote(db, name=team.name, version=version, stage="Production")
    with pytest.raises(PermissionDenied):
        promotion.approve(db, name=team.name, request_id=asked.id)
    become(db, "bo")
    assert promotion.approve(db, name=team.name, request_id=asked.id).done
