"""Many at once: one holder of an exclusive stage at every point of the history, no word lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from podium.client.errors import Conflict, PodiumError, Unavailable
from podium.registry import promotion
from podium.registry.promotion import freezes, history, policies, read, stage_sets
from podium.tracker.db import Database

from .checker import check_audit, check_events, check_history
from .conftest import Team, acting

CLIENTS = 50
EXCLUSIVE = {
    "stages": [
        {"name": "None"},
        {"name": "Live", "exclusive": True},
        {"name": "Archived"},
    ]
}


@pytest.fixture
def team(db: Database) -> Team:
    found = Team(db)
    stage_sets.set_stages(db, "*", EXCLUSIVE)
    return found


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        ready.wait()
        while True:
            try:
                return call()
            except Unavailable:  # fifty queue for sixteen connections: a 503 says try again
                continue
            except PodiumError as error:
                return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_fifty_promote_fifty_versions_to_one_stage(team: Team) -> None:
    numbers = [team.version() for _ in range(CLIENTS)]

    def promote(version: int) -> Callable[[], object]:
        return lambda: promotion.promote(
            team.db, name=team.name, version=version, stage="Live", archive=False
        )

    found = at_once([promote(number) for number in numbers])
    assert [each for each in found if isinstance(each, Exception)] == []
    steps = check_history(team.db, team.name, "Live")
    entered = [step.version for step in steps if step.after == "Live"]
    assert sorted(entered) == numbers
    assert history.holders(steps, "Live") == entered[-1:]
    assert team.stage_of(entered[-1]) == "Live"
    check_events(team.db, team.name, steps)
    check_audit(team.db, team.name, steps)


def test_promotions_and_rollbacks_that_cross(team: Team) -> None:
    numbers = [team.version() for _ in range(8)]

    def promote(version: int) -> Callable[[], object]:
        return lambda: promotion.promote(team.db, name=team.name, version=version, stage="Live")

    def back() -> object:
        return promotion.roll_back(team.db, name=team.name, stage="Live")

    found = at_once([promote(each) for each in numbers] + [back] * 8)
    refused = [each for each in found if isinstance(each, Exception)]
    assert all(isinstance(each, Conflict) for each in refused), refused
    check_history(team.db, team.name, "Live")


@pytest.mark.usefixtures("people")
def test_the_same_request_from_many_is_one(team: Team) -> None:
    version = team.version()
    policies.set_policy(team.db, "*", "Live", {"approvals": 1})

    def ask() -> object:
        with acting("ada"):
            return promotion.promote(team.db, name=team.name, version=version, stage="Live").id

    assert len(set(at_once([ask] * 12))) == 1
    assert len(read.list_requests(team.db, team.name).items) == 1


@pytest.mark.usefixtures("people")
def test_approvals_at_the_same_moment_promote_once(team: Team) -> None:
    version = team.version()
    policies.set_policy(team.db, "*", "Live", {"approvals": 2})
    with acting("ada"):
        request = promotion.promote(team.db, name=team.name, version=version, stage="Live")

    def approve(who: str) -> Callable[[], object]:
        def call() -> object:
            with acting(who):
                return promotion.approve(team.db, name=team.name, request_id=request.id).status

        return call

    found = at_once([approve(who) for who in ("bo", "cy", "root", "bo", "cy", "root")])
    assert [str(each) for each in found].count("DONE") == 1
    steps = check_history(team.db, team.name, "Live")
    assert [step.version for step in steps] == [version]


def test_when_freezing_has_returned_nothing_is_promoted_any_more(team: Team) -> None:
    numbers = [team.version() for _ in range(12)]
    at_freeze: list[int] = []

    def count() -> int:
        return len(check_history(team.db, team.name, "Live"))

    def freeze() -> None:
        freezes.freeze(team.db, "*", reason="stop")
        at_freeze.append(count())

    def promote(version: int) -> Callable[[], object]:
        return lambda: promotion.promote(team.db, name=team.name, version=version, stage="Live")

    half = len(numbers) // 2
    calls = [promote(each) for each in numbers]
    at_once([*calls[:half], freeze, *calls[half:]])
    assert at_freeze == [count()]
