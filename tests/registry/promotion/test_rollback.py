"""Taking back, freezing, and what the history says afterwards."""

from __future__ import annotations

import pytest
from podium.client.errors import BadRequest, Conflict, NotFound, PermissionDenied
from podium.client.promotion import Transition, TransitionKind
from podium.registry import promotion, versions
from podium.registry.promotion import freezes, history, hooks, policies, read
from podium.registry.promotion.hooks import Decided
from podium.registry.promotion.tables import TransitionRow
from podium.tracker.clock import now_ms
from sqlalchemy import update

from .conftest import Team, acting
from .test_requests import PRODUCTION, asked, set_digest, set_policy

pytestmark = pytest.mark.usefixtures("people")


def roll_back(team: Team, who: str = "ada", **more: object) -> Decided:
    with acting(who):
        return promotion.roll_back(team.db, name=team.name, stage=PRODUCTION, **more)  # type: ignore[arg-type]


def holder(team: Team) -> int | None:
    found = [each for each in team.numbers() if team.stage_of(each) == PRODUCTION]
    assert len(found) <= 1
    return found[0] if found else None


class TestRollback:
    def test_the_one_before_is_back_and_everything_says_so(self, team: Team) -> None:
        first, second = team.version(), team.version()
        asked(team, first)
        asked(team, second)
        done = roll_back(team, comment="it is slow", version=second)
        assert done.entered is not None
        assert (done.entered.version, [each.version for each in done.left]) == (first, [second])
        assert (team.stage_of(first), team.stage_of(second)) == (PRODUCTION, "Archived")
        assert team.audited("version.roll_back") == ["version.roll_back"]
        kind, told = team.events()[-1]
        assert kind == "MODEL_VERSION_ROLLED_BACK"
        assert (told["version"], told["from_version"]) == (str(first), str(second))
        kinds = [each.kind for each in history.list_transitions(team.db, team.name).items]
        assert kinds[:2] == [TransitionKind.ROLLED_BACK, TransitionKind.TAKEN_BACK]

    def test_again_is_one_step_further(self, team: Team) -> None:
        for _ in range(3):
            asked(team, team.version())
        assert holder(team) == 3
        roll_back(team)
        assert holder(team) == 2
        roll_back(team)
        assert holder(team) == 1
        with pytest.raises(Conflict, match="no way back"):
            roll_back(team)
        assert holder(team) == 1

    def test_a_double_click_is_one_step(self, team: Team) -> None:
        for _ in range(3):
            asked(team, team.version())
        roll_back(team, version=3)
        with pytest.raises(Conflict, match="held by version 2"):
            roll_back(team, version=3)
        assert holder(team) == 2

    def test_what_was_deleted_is_passed_over(self, team: Team) -> None:
        for _ in range(3):
            asked(team, team.version())
        versions.delete_version(team.db, team.name, 2)
        roll_back(team)
        assert holder(team) == 1

    def test_an_empty_stage_goes_to_who_had_it_last(self, team: Team) -> None:
        first, second = team.version(), team.version()
        asked(team, first)
        asked(team, second)
        asked(team, second, stage="Archived")
        assert holder(team) is None
        roll_back(team)
        assert holder(team) == second

    def test_of_several_holders_the_last_to_come_leaves(self, team: Team) -> None:
        first, second = team.version(), team.version()
        asked(team, first, archive=False)
        asked(team, second, archive=False)
        assert roll_back(team).entered is None
        assert (team.stage_of(first), team.stage_of(second)) == (PRODUCTION, "Archived")

    def test_it_asks_for_no_approval_but_for_the_role_of_who_gives_them(self, team: Team) -> None:
        first, second = team.version(), team.version()
        asked(team, first)
        asked(team, second)
        set_policy(team, approvals=2, gates=[{"gate": "scan"}])
        with pytest.raises(PermissionDenied, match="approver"):
            roll_back(team, "ada")
        roll_back(team, "bo")
        assert holder(team) == first

    def test_other_files_than_then_do_not_come_back(self, team: Team) -> None:
        first, second = team.version(), team.version()
        set_digest(team.db, first, "a" * 64)
        asked(team, first)
        asked(team, second)
        set_digest(team.db, first, "b" * 64)
        with pytest.raises(Conflict, match="other files"):
            roll_back(team)
        assert holder(team) == second

    def test_a_request_for_it_has_nothing_left_to_wait_for(self, team: Team) -> None:
        first, second = team.version(), team.version()
        asked(team, first)
        asked(team, second)
        set_policy(team, approvals=1)
        request = asked(team, first)
        roll_back(team, "bo")
        assert read.get_request(team.db, team.name, request.id).status == "WITHDRAWN"

    def test_a_hook_is_told_of_it_and_can_undo_it(
        self, team: Team, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = team.version(), team.version()
        told: list[Decided] = []
        monkeypatch.setattr(hooks, "HOOKS", [lambda _, decided: told.append(decided)])
        asked(team, first)
        asked(team, second)
        roll_back(team)
        assert [each.entered.version for each in told if each.entered] == [first, second, first]

        def fail(*_: object) -> None:
            raise Conflict("no launch target")

        before = (team.events(), history.list_transitions(team.db, team.name))
        monkeypatch.setattr(hooks, "HOOKS", [fail])
        with pytest.raises(Conflict):
            asked(team, second)
        assert holder(team) == first
        assert before == (team.events(), history.list_transitions(team.db, team.name))


class TestFreezes:
    def freeze(self, team: Team, glob: str = "*", **more: object) -> freezes.Freeze:
        with acting("root"):
            return freezes.freeze(team.db, glob, reason="audit week", **more)  # type: ignore[arg-type]

    def test_nothing_is_promoted_until_it_is_lifted_but_taking_back_goes_on(
        self, team: Team
    ) -> None:
        first, second, third = team.version(), team.version(), team.version()
        asked(team, first)
        asked(team, second)
        frozen = self.freeze(team, "dig*")
        with pytest.raises(Conflict, match="audit week"):
            asked(team, third)
        with pytest.raises(Conflict, match="frozen"):
            asked(team, third, who="root", override="but I must")
        roll_back(team)
        assert holder(team) == first
        assert freezes.list_freezes(team.db, team.name) == [frozen]
        with acting("root"):
            freezes.lift(team.db, frozen.id)
            with pytest.raises(NotFound):
                freezes.lift(team.db, frozen.id)
        assert asked(team, third).done

    def test_an_approval_does_not_go_round_it(self, team: Team) -> None:
        set_policy(team, approvals=1)
        request = asked(team, team.version())
        self.freeze(team)
        with acting("bo"), pytest.raises(Conflict, match="frozen"):
            promotion.approve(team.db, name=team.name, request_id=request.id)
        assert read.get_request(team.db, team.name, request.id).approvals == ()

    def test_it_holds_for_its_models_its_stage_and_its_time(
        self, team: Team, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.freeze(team, "letters-*")
        self.freeze(team, team.name, stage="staging")
        assert asked(team, team.version()).done
        with pytest.raises(Conflict):
            asked(team, team.version(), stage="Staging")
        soon = self.freeze(team, until=now_ms() + 3_600_000)
        with pytest.raises(Conflict, match="UTC"):
            asked(team, team.version())
        monkeypatch.setattr("podium.registry.promotion.situation.now_ms", lambda: soon.until)
        assert asked(team, team.version()).done

    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({"until": 1}, "until"),
            ({"until": 2**60}, "until"),
            ({"stage": "Nowhere"}, "stage"),
            ({"glob": "a/b"}, "model"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, team: Team, more: dict[str, object], field: str
    ) -> None:
        with pytest.raises(BadRequest, match=field):
            self.freeze(team, **more)  # type: ignore[arg-type]
        assert freezes.list_freezes(team.db) == []


class TestHistory:
    def test_who_held_the_stage_at_any_time(self, team: Team) -> None:
        for at in (1000, 2000):
            asked(team, team.version())
            _date(team, at)
        roll_back(team)
        _date(team, 3000)

        def then(at: int) -> list[int]:
            return [
                each.version for each in history.holders_at(team.db, team.name, "production", at)
            ]

        assert [then(at) for at in (999, 1000, 1999, 2000, 2999, 3000)] == [
            [],
            [1],
            [1],
            [2],
            [2],
            [1],
        ]

    def test_time_does_not_go_back(self, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = iter((5000, 4000, 6000))
        monkeypatch.setattr("podium.registry.promotion.history.now_ms", lambda: next(clock))
        version = team.version()
        for stage in ("Staging", PRODUCTION, "Archived"):
            asked(team, version, stage=stage)
        found = history.list_transitions(team.db, team.name).items
        assert [each.at for each in reversed(found)] == [5000, 5000, 6000]

    def test_pages(self, team: Team) -> None:
        version = team.version()
        stages = ("Staging", PRODUCTION, "Archived")
        for stage in stages:
            asked(team, version, stage=stage)
        seen, token = [], ""
        while True:
            page = history.list_transitions(team.db, team.name, max_results=1, page_token=token)
            seen += [each.after for each in page.items]
            if page.next_page_token is None:
                break
            token = page.next_page_token
        assert tuple(reversed(seen)) == stages

    def test_a_deleted_version_leaves_its_stage_and_its_requests(self, team: Team) -> None:
        version = team.version()
        asked(team, version)
        set_policy(team, stage="Staging", approvals=1)
        request = asked(team, version, stage="Staging")
        versions.delete_version(team.db, team.name, version)
        assert history.holders_at(team.db, team.name, PRODUCTION, 2**60) == []
        assert read.get_request(team.db, team.name, request.id).status == "WITHDRAWN"


def _date(team: Team, at: int) -> None:
    """Let what has happened so far have happened then."""
    with team.db.writing() as session:
        session.execute(update(TransitionRow).where(TransitionRow.at > 10_000).values(at=at))


def step(version: int, kind: str = "MOVED", before: str = "None", after: str = "P") -> Transition:
    return Transition(0, "m", version, before, after, TransitionKind(kind), "ada", 0)


@pytest.mark.parametrize(
    ("steps", "holder", "expected"),
    [
        ([], None, None),
        ([step(1)], 1, None),
        ([step(1), step(2)], 2, 1),
        ([step(1), step(2), step(1)], 1, 2),
        ([step(1), step(2), step(3), step(2, "ROLLED_BACK")], 2, 1),
        ([step(1), step(2), step(1, "ROLLED_BACK"), step(3)], 3, 1),
        ([step(1), step(2), step(3), step(2, "DELETED", "P", "")], 3, 1),
        ([step(1), step(2)], None, 2),
        ([step(1), step(2), step(3)], 2, 1),
        ([step(1)], 9, None),
    ],
)
def test_where_a_rollback_leads(
    steps: list[Transition], holder: int | None, expected: int | None
) -> None:
    found = history.previous_holder(steps, "P", holder)
    assert (None if found is None else found.version) == expected


def test_policies_are_of_the_closest_glob(team: Team) -> None:
    with acting("root"):
        for glob, approvals in (("*", 1), ("dig*", 2), ("d*", 3)):
            policies.set_policy(team.db, glob, "production", {"approvals": approvals})
    [found] = policies.effective_policies(team.db, team.name)
    assert (found.glob, found.stage, found.policy.approvals) == ("dig*", PRODUCTION, 2)
    with acting("root"):
        policies.set_policy(team.db, team.name, PRODUCTION, {})
    assert asked(team, team.version()).done
