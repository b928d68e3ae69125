"""What a team looks at: the board, what each may do with a request, what a rollback would do."""

from __future__ import annotations

import pytest
from podium.client.promotion import RequestStatus
from podium.registry import promotion, versions
from podium.registry.promotion import board, freezes, offers, policies, rollback, stage_sets
from podium.registry.promotion.offers import Look
from podium.registry.promotion.rollback import Undo
from podium.registry.promotion.tables import RequestRow
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database

from .conftest import Team, acting


def columns(db: Database, team: Team) -> dict[str, tuple[list[int], int]]:
    return {
        each.target.name: ([version.version for version in each.versions], each.total)
        for each in board.board(db, team.name).columns
    }


def test_a_column_a_stage_with_the_newest_first(db: Database, team: Team) -> None:
    assert list(columns(db, team).values()) == [([], 0)] * 4
    for _ in range(board.SHOWN + 2):
        team.version()
    versions.transition_version(db, team.name, 3, stage="Staging")
    found = columns(db, team)
    assert list(found) == ["None", "Staging", "Production", "Archived"]
    assert found["Staging"] == ([3], 1)
    newest = [number for number in range(board.SHOWN + 2, 0, -1) if number != 3][: board.SHOWN]
    assert found["None"] == (newest, board.SHOWN + 1)
    versions.delete_version(db, team.name, 3)
    assert columns(db, team)["Staging"] == ([], 0)


def test_a_stage_that_is_no_more_counts_as_the_first(db: Database, team: Team) -> None:
    team.version()
    team.version()
    versions.transition_version(db, team.name, 1, stage="Staging")
    stages = [{"name": "New"}, {"name": "Live", "follows": ["New"]}, {"name": "Old"}]
    stage_sets.set_stages(db, team.name, {"stages": stages})
    assert columns(db, team) == {"New": ([2, 1], 2), "Live": ([], 0), "Old": ([], 0)}
    [first, live, old] = board.board(db, team.name).columns
    ways = [[each.name for each in column.choices.targets] for column in (first, live, old)]
    assert ways == [["Live", "Old"], ["New", "Old"], ["New"]]
    assert [each.name for each in board.choices(db, team.name, 1).targets] == ["Live", "Old"]


def test_the_board_tells_of_requests_freezes_and_rights(
    db: Database, team: Team, people: dict[str, Role]
) -> None:
    policies.set_policy(db, "*", "Production", {"approvals": 1})
    version = team.version()
    with acting("ada"):
        asked = promotion.promote(db, name=team.name, version=version, stage="Production")
        freezes.freeze(db, "*", reason="why not")
        found = board.board(db, team.name)
    assert [each.id for each in found.waiting] == [asked.id]
    assert [each.id for each in found.requests[version]] == [asked.id]
    assert [each.reason for each in found.freezes] == ["why not"]
    assert found.refused == ""
    assert [each.target.asks for each in found.columns] == [False, True, True, False]
    with acting("eve"):
        assert "takes the role editor" in board.board(db, team.name).refused
    with db.writing() as session:
        session.get_one(RequestRow, asked.id).expires = 1
    with acting("ada"):
        assert board.board(db, team.name).waiting == []
        assert offers.look(db, team.name, asked.id).promotion.status is RequestStatus.EXPIRED
        assert offers.look(db, team.name, asked.id).offers is None


class TestOffers:
    """Whoever is offered something can do it; whoever is not hears why."""

    @pytest.fixture
    def asked(self, db: Database, team: Team, people: dict[str, Role]) -> int:
        policies.set_policy(db, "*", "Production", {"approvals": 2})
        version = team.version()
        with acting("ada"):
            return promotion.promote(db, name=team.name, version=version, stage="Production").id

    def look(self, team: Team, who: str, asked: int) -> Look:
        with acting(who):
            return offers.look(team.db, team.name, asked)

    def open_to(self, team: Team, who: str, asked: int) -> set[str]:
        found = self.look(team, who, asked).offers
        assert found is not None
        names = ("approve", "reject", "withdraw", "override", "again")
        return {each for each in names if not getattr(found, each)}

    def test_by_role(self, team: Team, asked: int) -> None:
        assert self.open_to(team, "eve", asked) == set()
        assert self.open_to(team, "ada", asked) == {"withdraw", "again"}
        assert self.open_to(team, "bo", asked) == {"approve", "reject", "again"}
        assert self.open_to(team, "root", asked) == {
            *("approve", "reject", "withdraw", "override", "again")
        }
        assert "takes the role editor" in self.look(team, "eve", asked).comment

    def test_once_and_never_ones_own(self, team: Team, asked: int, people: dict[str, Role]) -> None:
        with acting("bo"):
            promotion.approve(team.db, name=team.name, request_id=asked)
        found = self.look(team, "bo", asked).offers
        assert found is not None
        assert "already" in found.approve
        people["ada"] = Role.ADMIN
        found = self.look(team, "ada", asked).offers
        assert found is not None
        assert "your own" in found.approve
        assert found.override == ""

    def test_nothing_goes_while_it_is_frozen(self, team: Team, asked: int) -> None:
        freezes.freeze(team.db, "*", reason="why not")
        assert self.open_to(team, "root", asked) == {"reject", "withdraw"}
        found = self.look(team, "bo", asked).offers
        assert found is not None
        assert "frozen" in found.approve

    def test_nothing_is_approved_before_it_is_read(self, team: Team, asked: int) -> None:
        with acting("ada"):
            unread = promotion.promote(
                team.db, name=team.name, version=team.version(read=False), stage="Production"
            )
        assert self.open_to(team, "bo", unread.id) == {"reject", "again"}
        found = self.look(team, "bo", unread.id).offers
        assert found is not None
        assert "have not been read yet" in found.approve

    def test_a_stage_that_is_no_more(self, team: Team, asked: int) -> None:
        stages = [{"name": "New"}, {"name": "Old"}]
        stage_sets.set_stages(team.db, "*", {"stages": stages})
        assert self.open_to(team, "root", asked) == {"reject", "withdraw"}

    def test_with_whom_it_compares(self, team: Team, asked: int) -> None:
        assert self.look(team, "bo", asked).holder is None
        other = team.version()
        with acting("root"):
            promotion.promote(
                team.db, name=team.name, version=other, stage="Production", override="first"
            )
        assert self.look(team, "bo", asked).holder == other
        for who in ("bo", "cy"):
            with acting(who):
                promotion.approve(team.db, name=team.name, request_id=asked)
        found = self.look(team, "bo", asked)
        assert (found.holder, found.offers) == (other, None)


def test_what_a_rollback_would_do(db: Database, team: Team, people: dict[str, Role]) -> None:
    for _ in range(2):
        team.version()
    with acting("ada"):
        assert [each.holders for each in rollback.undos(db, team.name)] == [(), ()]
        promotion.promote(db, name=team.name, version=1, stage="Production")
        [_, first] = rollback.undos(db, team.name)
        assert (first.holders, first.back) == ((1,), None)
        assert "no way back" in first.refused
        promotion.promote(db, name=team.name, version=2, stage="Production")
        assert rollback.undos(db, team.name)[1] == Undo("Production", (2,), 2, 1)
        policies.set_policy(db, "*", "Production", {"approvals": 1})
        assert "takes the role approver" in rollback.undos(db, team.name)[1].refused
    with acting("bo"):
        offered = rollback.undos(db, team.name)[1]
        promotion.roll_back(db, name=team.name, stage=offered.stage, version=offered.taken)
    assert team.stage_of(1) == "Production"
