"""A version that is in the stage already and is to have it alone: a promotion as any other."""

from __future__ import annotations

from typing import Any

import pytest
from podium.client.errors import Conflict
from podium.client.promotion import Promotion
from podium.registry import promotion, versions
from podium.registry.promotion import freezes, history, policies, read, stage_sets
from podium.registry.promotion.again import Review
from podium.registry.promotion.gates import Facts, Outside, Verdict

from .conftest import Team, acting
from .test_requests import PRODUCTION, approve, asked, now, set_policy

pytestmark = pytest.mark.usefixtures("people")


@pytest.fixture
def both(team: Team) -> tuple[int, int]:
    """Two versions in Production."""
    first, second = team.version(), team.version()
    for version in (first, second):
        asked(team, version, archive=False)
    return first, second


def stages(team: Team, two: tuple[int, int]) -> tuple[str, str]:
    return team.stage_of(two[0]), team.stage_of(two[1])


def test_who_approves_it_sends_the_other_away(team: Team, both: tuple[int, int]) -> None:
    set_policy(team, approvals=1)
    request = asked(team, both[1])
    assert request.waiting
    assert stages(team, both) == (PRODUCTION, PRODUCTION)
    done = approve(team, request, "bo")
    assert (done.done, done.archived) == (True, (both[0],))
    assert stages(team, both) == ("Archived", PRODUCTION)


def test_so_does_who_overrides(team: Team, both: tuple[int, int]) -> None:
    set_policy(team, approvals=1)
    request = asked(team, both[1])
    with acting("root"):
        done = promotion.override(team.db, name=team.name, request_id=request.id, reason="now")
    assert done.done
    assert stages(team, both) == ("Archived", PRODUCTION)


def test_so_does_the_worker(team: Team, both: tuple[int, int]) -> None:
    set_policy(team, gates=[{"gate": "required", "tags": {"reviewed": "*"}}])
    request = asked(team, both[1])
    versions.set_version_tag(team.db, team.name, both[1], "reviewed", "yes")
    Review(team.db, Outside(), anonymous=False).turn()
    assert now(team, request).done
    assert stages(team, both) == ("Archived", PRODUCTION)


def test_gates_that_look_outside_are_asked_where_somebody_has_to_leave(
    team: Team, both: tuple[int, int]
) -> None:
    asked_of: list[int] = []

    class Yes:
        def ask(self, url: str, facts: Facts, *, timeout: float) -> Verdict:
            asked_of.append(facts.version.version)
            return Verdict(True, "It was fine.")

    set_policy(team, gates=[{"gate": "external", "url": "https://a.example"}])
    outside = Outside(checker=Yes())
    assert asked(team, both[1], archive=False, outside=outside).done
    assert asked_of == []
    assert asked(team, both[1], outside=outside).archived == (both[0],)
    assert asked_of == [both[1]]
    assert asked(team, both[1], outside=outside).done
    assert asked_of == [both[1]]


def test_a_freeze_keeps_the_other_there(team: Team, both: tuple[int, int]) -> None:
    freezes.freeze(team.db, team.name, reason="audit")
    with pytest.raises(Conflict, match="frozen until it is lifted"):
        asked(team, both[1])
    assert stages(team, both) == (PRODUCTION, PRODUCTION)
    assert [action for _, action, _ in team.refusals()] == ["version.promote.refused"]
    assert asked(team, both[1], archive=False).done, "nothing is to be done"


def test_a_stage_that_has_become_exclusive_has_one_holder_again(team: Team) -> None:
    named: list[dict[str, Any]] = [
        {"name": "None"},
        {"name": "Live", "held": True},
        {"name": "Old"},
    ]
    stage_sets.set_stages(team.db, "*", {"stages": named})
    both = team.version(), team.version()
    for version in both:
        asked(team, version, stage="Live", archive=False)
    named[1]["exclusive"] = True
    stage_sets.set_stages(team.db, "*", {"stages": named})
    policies.set_policy(team.db, "*", "Live", {"approvals": 1})
    request = asked(team, both[1], stage="Live")
    assert approve(team, request, "bo").done
    assert stages(team, both) == ("Old", "Live")


def test_when_the_other_has_left_meanwhile_it_is_decided_all_the_same(
    team: Team, both: tuple[int, int]
) -> None:
    set_policy(team, approvals=1)
    request: Promotion = asked(team, both[1])
    asked(team, both[0], stage="Archived")
    done = approve(team, request, "bo")
    assert (done.done, done.archived) == (True, ())
    assert stages(team, both) == ("Archived", PRODUCTION)
    assert read.list_requests(team.db, team.name, status="WAITING").items == ()
    steps = history.list_transitions(team.db, team.name, version=both[1]).items
    assert history.holders(tuple(reversed(steps)), PRODUCTION) == [both[1]]
