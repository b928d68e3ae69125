"""Views with a name: whose they are, and who may change them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from podium.client.errors import BadRequest, NotFound, PermissionDenied
from podium.tracker import audit, experiments, saved_views
from podium.tracker.auth import accounts, grants
from podium.tracker.auth.caller import Caller, CallerKind, Visit, begin, end
from podium.tracker.auth.permissions import EVERYTHING, LOG, READ, SELF, Permission
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database
from podium.tracker.saved_views import delete_view, list_views, save_view


@pytest.fixture
def experiment(db: Database) -> Iterator[str]:
    yield experiments.create_experiment(db, name="sweep").experiment_id
    end()


def be(db: Database, experiment: str, name: str, role: Role, permission: Permission) -> None:
    end()
    accounts.create(db, name=name)
    grants.give(db, "experiment", experiment, principal=name, role=role)
    again(db, name, permission)


def again(db: Database, name: str, permission: Permission) -> None:
    end()
    with db.reading() as session:
        number = accounts.find(session, name).id
    who = Caller(name, CallerKind.USER, Role.MEMBER, EVERYTHING, (number,))
    begin(Visit(who, permission=permission))


def names(db: Database, experiment: str) -> list[str]:
    return [view.name for view in list_views(db, experiment)]


def test_saved_again_it_is_another(db: Database, experiment: str) -> None:
    save_view(db, experiment, name=" best ", query="order=metrics.loss+asc")
    save_view(db, experiment, name="best", query="filter=x")
    [view] = list_views(db, experiment)
    assert (view.name, view.query, view.shared) == ("best", "filter=x", False)
    delete_view(db, experiment, view.id)
    assert names(db, experiment) == []
    told = audit.search(db, subject=f"experiment:{experiment}").items
    assert [each["action"] for each in told[:3]] == ["view.delete", "view.save", "view.save"]


def test_mine_are_mine_and_shared_ones_everybodys(db: Database, experiment: str) -> None:
    be(db, experiment, "ada", Role.EDITOR, LOG)
    save_view(db, experiment, name="hers", query="")
    save_view(db, experiment, name="ours", query="", shared=True)
    be(db, experiment, "bob", Role.VIEWER, READ)
    assert names(db, experiment) == ["ours"]
    again(db, "bob", SELF)
    save_view(db, experiment, name="his", query="")
    assert names(db, experiment) == ["his", "ours"]
    again(db, "ada", READ)
    assert names(db, experiment) == ["hers", "ours"]


def test_who_only_looks_changes_nothing_for_others(db: Database, experiment: str) -> None:
    save_view(db, experiment, name="ours", query="", shared=True)
    save_view(db, experiment, name="the system's", query="")
    [ours, systems] = list_views(db, experiment)
    be(db, experiment, "bob", Role.VIEWER, LOG)
    with pytest.raises(PermissionDenied):
        save_view(db, experiment, name="x", query="", shared=True)
    with pytest.raises(PermissionDenied):
        delete_view(db, experiment, ours.id, shared=True)
    again(db, "bob", SELF)
    for view in (ours, systems):
        with pytest.raises(NotFound):
            delete_view(db, experiment, view.id)


def test_of_experiments_one_does_not_see(db: Database, experiment: str) -> None:
    save_view(db, experiment, name="ours", query="", shared=True)
    accounts.create(db, name="eve")
    again(db, "eve", READ)
    assert names(db, experiment) == []
    with pytest.raises(NotFound):
        save_view(db, experiment, name="x", query="")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\0b"])
def test_names_that_are_none(db: Database, experiment: str, name: str) -> None:
    with pytest.raises(BadRequest, match="name"):
        save_view(db, experiment, name=name, query="")


def test_only_so_many(db: Database, experiment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MAX_VIEWS", 1)
    save_view(db, experiment, name="one", query="")
    with pytest.raises(BadRequest, match="delete one"):
        save_view(db, experiment, name="two", query="")
