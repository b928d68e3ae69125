"""Promoting: at once, by approval, by override, and all that is refused."""

from __future__ import annotations

from typing import Any

import pytest
from podium.client.errors import BadRequest, Conflict, NotFound, PermissionDenied
from podium.client.promotion import Promotion, RequestStatus
from podium.registry import promotion
from podium.registry.models import ModelVersion
from podium.registry.promotion import closing, policies, read, stage_sets
from podium.registry.promotion.tables import InspectionRow, RequestRow
from podium.registry.read import find_version
from podium.tracker.auth.roles import Role
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import update

from .conftest import Team, acting

pytestmark = pytest.mark.usefixtures("people")

PRODUCTION = "Production"


def promote(team: Team, version: int, stage: str = PRODUCTION, **more: Any) -> Promotion:
    return promotion.promote(team.db, name=team.name, version=version, stage=stage, **more)


def approve(team: Team, request: Promotion, who: str, **more: Any) -> Promotion:
    with acting(who):
        return promotion.approve(team.db, name=team.name, request_id=request.id, **more)


def asked(team: Team, version: int, who: str = "ada", **more: Any) -> Promotion:
    with acting(who):
        return promote(team, version, **more)


def set_policy(team: Team, stage: str = PRODUCTION, **rules: Any) -> None:
    with acting("root"):
        policies.set_policy(team.db, team.name, stage, rules)


def set_digest(db: Database, version: int, digest: str) -> None:
    with db.writing() as session:
        session.execute(
            update(ModelVersion).where(ModelVersion.version == version).values(digest=digest)
        )


def inspected(team: Team, version: int, status: str, problem: str, *, retry: int | None) -> None:
    with team.db.writing() as session:
        row = InspectionRow(
            version=find_version(session, team.name, version).id,
            status=status,
            digest="",
            files=0,
            size=0,
            scan="UNKNOWN",
            findings="[]",
            model="{}",
            problem=problem,
            created=now_ms(),
            attempts=1,
            retry=retry,
        )
        session.merge(row)


def now(team: Team, request: Promotion) -> Promotion:
    return read.get_request(team.db, team.name, request.id)


class TestWithoutAPolicy:
    def test_it_is_done_at_once_and_everything_says_so(self, team: Team) -> None:
        first, second = team.version(), team.version()
        asked(team, first)
        done = asked(team, second, comment="better on the new data")
        assert done.done
        assert (done.before, done.stage, done.archived) == ("None", PRODUCTION, (first,))
        assert (team.stage_of(first), team.stage_of(second)) == ("Archived", PRODUCTION)
        assert read.get_request(team.db, team.name, done.id) == done
        assert team.audited("version.promote") == ["version.promote"] * 2
        assert [kind for kind, _ in team.events()] == ["MODEL_VERSION_TRANSITIONED_STAGE"] * 3
        left, came = (data for _, data in team.events()[-2:])
        assert (left["version"], left["to_stage"]) == (str(first), "Archived")
        assert (came["version"], came["comment"]) == (str(second), "better on the new data")

    def test_asked_again_it_answers_that_it_is_there_and_writes_nothing(self, team: Team) -> None:
        version = team.version()
        asked(team, version)
        before = (team.audited(), team.events())
        assert asked(team, version).done
        assert (team.audited(), team.events()) == before

    def test_others_stay_where_whoever_asks_wants_it(self, team: Team) -> None:
        first, second = team.version(), team.version()
        asked(team, first)
        assert asked(team, second, archive=False).archived == ()
        assert team.stage_of(first) == PRODUCTION
        assert asked(team, second, archive=True).archived == (first,)

    @pytest.mark.parametrize("written", ["production", "PRODUCTION"])
    def test_capitals_make_no_difference(self, team: Team, written: str) -> None:
        assert asked(team, team.version(), stage=written).stage == PRODUCTION


class TestApprovals:
    def test_the_last_of_them_promotes(self, team: Team) -> None:
        set_policy(team, approvals=2)
        version = team.version()
        request = asked(team, version, comment="please")
        assert request.waiting
        assert request.waits_for == (
            "It needs 2 approvals by the role approver; none of them is given.",
        )
        assert approve(team, request, "bo").waiting
        assert team.stage_of(version) == "None"
        done = approve(team, request, "cy", comment="looks good")
        assert done.done
        assert [(each.approver, each.lapsed) for each in done.approvals] == [("bo", ""), ("cy", "")]
        assert (done.requester, done.decided_by) == ("ada", "cy")
        assert team.stage_of(version) == PRODUCTION
        assert [kind for kind, _ in team.events()] == [
            "TRANSITION_REQUEST_CREATED",
            "TRANSITION_REQUEST_APPROVED",
            "MODEL_VERSION_TRANSITIONED_STAGE",
        ]
        assert {data.get("request_id") for _, data in team.events()} == {str(request.id), None}

    def test_asking_again_is_no_second_request(self, team: Team) -> None:
        set_policy(team, approvals=1)
        version = team.version()
        first, again = asked(team, version), asked(team, version, who="bo", comment="me too")
        assert first == again
        assert len(read.list_requests(team.db, team.name).items) == 1

    def test_ones_own_request_is_approved_by_somebody_else(self, team: Team) -> None:
        set_policy(team, approvals=1)
        request = asked(team, team.version(), who="bo")
        with pytest.raises(PermissionDenied, match="your own"):
            approve(team, request, "bo")
        assert approve(team, request, "cy").done

    def test_twice_is_once(self, team: Team) -> None:
        set_policy(team, approvals=2)
        request = asked(team, team.version())
        approve(team, request, "bo")
        with pytest.raises(Conflict, match="already"):
            approve(team, request, "bo")
        assert len(read.get_request(team.db, team.name, request.id).approvals) == 1

    def test_they_lapse_when_the_files_are_others(self, team: Team) -> None:
        set_policy(team, approvals=2)
        version = team.version()
        request = asked(team, version)
        approve(team, request, "bo")
        set_digest(team.db, version, "a" * 64)
        found = approve(team, request, "cy")
        assert found.waiting
        assert {each.approver: bool(each.lapsed) for each in found.approvals} == {
            "bo": True,
            "cy": False,
        }
        assert approve(team, request, "bo").done

    def test_none_is_given_before_the_files_are_read(self, team: Team) -> None:
        set_policy(team, approvals=1)
        version = team.version(read=False)
        request = asked(team, version)
        with pytest.raises(Conflict, match="have not been read yet"):
            approve(team, request, "bo")
        inspected(team, version, "FAILED", "the bucket is away", retry=now_ms() + 60_000)
        with pytest.raises(Conflict, match="The last time it could not: the bucket is away"):
            approve(team, request, "bo", digest="")
        assert now(team, request).approvals == ()
        set_digest(team.db, version, "a" * 64)
        with pytest.raises(Conflict, match="not those you have looked at"):
            approve(team, request, "bo", digest="")
        assert approve(team, request, "bo", digest="a" * 64).done

    def test_files_that_never_will_be_read_are_approved_as_they_are(self, team: Team) -> None:
        set_policy(team, approvals=1)
        version = team.version(read=False)
        request = asked(team, version)
        inspected(team, version, "FAILED", "there are more than 100,000 files", retry=None)
        assert approve(team, request, "bo", digest="").done

    def test_they_lapse_when_the_policy_changes_and_also_when_it_changes_back(
        self, team: Team
    ) -> None:
        set_policy(team, approvals=2)
        request = asked(team, team.version())
        approve(team, request, "bo")
        set_policy(team, approvals=3)
        set_policy(team, approvals=2)
        assert approve(team, request, "cy").waiting
        assert approve(team, request, "bo").done

    def test_they_lapse_with_the_role(self, team: Team, people: dict[str, Role]) -> None:
        set_policy(team, approvals=2)
        request = asked(team, team.version())
        approve(team, request, "bo")
        people["bo"] = Role.EDITOR
        assert approve(team, request, "cy").waiting
        [bo, _] = read.get_request(team.db, team.name, request.id).approvals
        assert "not the role approver" in bo.lapsed

    def test_a_requester_who_may_no_more_gets_nothing(
        self, team: Team, people: dict[str, Role]
    ) -> None:
        set_policy(team, approvals=1)
        version = team.version()
        request = asked(team, version)
        people["ada"] = Role.VIEWER
        with pytest.raises(PermissionDenied, match="ada"):
            approve(team, request, "bo")
        assert team.stage_of(version) == "None"

    def test_who_looked_at_other_files_is_told(self, team: Team) -> None:
        set_policy(team, approvals=1)
        version = team.version()
        request = asked(team, version)
        set_digest(team.db, version, "b" * 64)
        with pytest.raises(Conflict, match="not those you have looked at"):
            approve(team, request, "bo", digest="a" * 64)
        assert approve(team, request, "bo", digest="b" * 64).done

    def test_the_policy_names_who_approves(self, team: Team) -> None:
        set_policy(team, approvals=1, approver="admin")
        request = asked(team, team.version())
        with pytest.raises(PermissionDenied, match="takes the role admin"):
            approve(team, request, "bo")
        assert approve(team, request, "root").done

    def test_when_the_policy_is_gone_asking_again_is_enough(self, team: Team) -> None:
        set_policy(team, approvals=1)
        version = team.version()
        request = asked(team, version)
        with acting("root"):
            policies.delete_policy(team.db, team.name, PRODUCTION)
        done = asked(team, version)
        assert done.done
        assert done.id == request.id


class TestGates:
    def test_what_fails_is_told_and_looked_at_again(self, team: Team) -> None:
        gate = {"gate": "required", "tags": {"reviewed": "*"}}
        set_policy(team, gates=[gate])
        version = team.version()
        request = asked(team, version)
        assert request.waiting
        assert [each.passed for each in request.gates] == [False]
        from podium.registry import versions

        versions.set_version_tag(team.db, team.name, version, "reviewed", "yes")
        done = asked(team, version)
        assert done.done
        assert done.id == request.id
        assert [each.passed for each in done.gates] == [True]

    def test_they_compare_with_who_holds_the_stage_when_it_is_decided(self, team: Team) -> None:
        set_policy(team, approvals=1, gates=[{"gate": "metric_vs_holder", "metric": "accuracy"}])
        better, best = (
            team.version(metrics={"accuracy": 0.8}),
            team.version(metrics={"accuracy": 0.9}),
        )
        first, second = asked(team, better), asked(team, best)
        assert approve(team, second, "bo").done
        late = approve(team, first, "bo")
        assert late.waiting
        assert "0.9" in late.waits_for[0]
        assert team.stage_of(best) == PRODUCTION


class TestOverride:
    def test_an_admin_does_without_and_says_why(self, team: Team) -> None:
        set_policy(team, approvals=3, gates=[{"gate": "scan"}])
        version = team.version()
        request = asked(team, version)
        with acting("root"):
            done = promotion.override(
                team.db, name=team.name, request_id=request.id, reason="the site is down"
            )
        assert done.done
        assert (done.overridden, done.reason, done.decided_by) == (True, "the site is down", "root")
        assert [each.passed for each in done.gates] == [False]

    def test_or_at_once(self, team: Team) -> None:
        set_policy(team, approvals=3)
        assert asked(team, team.version(), who="root", override="the site is down").overridden

    @pytest.mark.parametrize("who", ["ada", "bo"])
    def test_nobody_else_does(self, team: Team, who: str) -> None:
        set_policy(team, approvals=3)
        version = team.version()
        with pytest.raises(PermissionDenied, match="admin"):
            asked(team, version, who=who, override="because")
        assert team.stage_of(version) == "None"
        assert read.list_requests(team.db, team.name).items == ()

    def test_it_needs_a_reason(self, team: Team) -> None:
        with pytest.raises(BadRequest, match="override"):
            asked(team, team.version(), who="root", override=" ")


class TestClosing:
    def test_rejecting(self, team: Team) -> None:
        set_policy(team, approvals=1)
        version = team.version()
        request = asked(team, version)
        with acting("bo"):
            found = closing.reject(
                team.db, name=team.name, request_id=request.id, reason="too slow"
            )
        assert (found.status, found.reason) == (RequestStatus.REJECTED, "too slow")
        with pytest.raises(Conflict, match="REJECTED"):
            approve(team, request, "cy")
        assert team.events()[-1][0] == "TRANSITION_REQUEST_REJECTED"
        assert asked(team, version).id != request.id

    def test_withdrawing_is_for_who_asked_and_for_admins(self, team: Team) -> None:
        set_policy(team, approvals=1)
        request = asked(team, team.version())
        with acting("bo"), pytest.raises(PermissionDenied, match="ada"):
            closing.withdraw(team.db, name=team.name, request_id=request.id)
        with acting("ada"):
            found = closing.withdraw(team.db, name=team.name, request_id=request.id)
        assert found.status is RequestStatus.WITHDRAWN

    def test_what_has_waited_too_long_is_over_with_or_without_a_worker(self, team: Team) -> None:
        set_policy(team, approvals=1)
        overdue, seen = asked(team, team.version()), asked(team, team.version())
        with team.db.writing() as session:
            session.execute(update(RequestRow).values(expires=1))
        with pytest.raises(Conflict, match="EXPIRED"):
            approve(team, overdue, "bo")
        assert asked(team, overdue.version).id not in (overdue.id, seen.id)
        assert promotion.expire_requests(team.db) == 1
        assert promotion.expire_requests(team.db) == 0
        for each in (overdue, seen):
            found = read.get_request(team.db, team.name, each.id)
            assert found.status is RequestStatus.EXPIRED
        assert [kind for kind, _ in team.events()].count("TRANSITION_REQUEST_EXPIRED") == 2

    def test_a_request_of_another_model_is_not_found(self, team: Team) -> None:
        set_policy(team, approvals=1)
        request = asked(team, team.version())
        other = Team(team.db, "letters")
        with pytest.raises(NotFound):
            approve(other, request, "bo")


STAGES = {
    "stages": [
        {"name": "None"},
        {"name": "Candidate", "follows": ["None", "Retired"]},
        {"name": "Shadow", "follows": ["Candidate"], "held": True},
        {"name": "Live", "follows": ["Shadow"], "exclusive": True},
        {"name": "Retired"},
    ]
}


class TestOwnStages:
    def test_only_their_ways_are_gone(self, team: Team) -> None:
        stage_sets.set_stages(team.db, "dig*", STAGES)
        version = team.version()
        with pytest.raises(BadRequest, match="must come from Shadow"):
            asked(team, version, stage="Live")
        for stage in ("Candidate", "Shadow", "live"):
            assert asked(team, version, stage=stage).done
        assert team.stage_of(version) == "Live"
        with pytest.raises(BadRequest, match="one of None, Candidate, Shadow, Live, Retired"):
            asked(team, version, stage=PRODUCTION)

    def test_an_exclusive_stage_has_one_holder_whatever_is_asked(self, team: Team) -> None:
        stage_sets.set_stages(team.db, team.name, STAGES)
        first, second = team.version(), team.version()
        for version in (first, second):
            for stage in ("Candidate", "Shadow", "Live"):
                asked(team, version, stage=stage, archive=False)
        assert (team.stage_of(first), team.stage_of(second)) == ("Retired", "Live")

    def test_a_stage_that_is_gone_counts_as_the_first(self, team: Team) -> None:
        version = team.version()
        asked(team, version, stage="Staging")
        stage_sets.set_stages(team.db, "*", STAGES)
        with pytest.raises(BadRequest, match="is in Staging and cannot go to Live"):
            asked(team, version, stage="Live")
        assert asked(team, version, stage="Candidate").before == "Staging"


def test_the_policy_decides_whether_former_holders_leave(team: Team) -> None:
    set_policy(team, archive=False)
    first, second, third = team.version(), team.version(), team.version()
    for version in (first, second):
        asked(team, version, archive=True)
    assert team.stage_of(first) == PRODUCTION
    set_policy(team, archive=True)
    assert asked(team, third, archive=False).archived == (first, second)
