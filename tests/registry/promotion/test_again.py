"""The worker looks at what waits: when, at what cost to others, and that it is done once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from podium.client.entities import RunStatus
from podium.client.errors import Conflict
from podium.client.promotion import Promotion
from podium.registry import promotion, versions
from podium.registry.inspection import service
from podium.registry.promotion import again, freezes, policies, read, settling
from podium.registry.promotion.again import Review
from podium.registry.promotion.external import ExternalChecker
from podium.registry.promotion.gates import Facts, Outside, Verdict
from podium.registry.promotion.tables import RequestRow
from podium.registry.webhooks.sender import HttpSender
from podium.tracker import audit, runs
from podium.tracker.artifacts.base import ArtifactStore
from podium.tracker.auth import caller
from podium.tracker.auth.caller import Visit
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from podium.tracker.keyring import Keyring
from sqlalchemy import update

from ...services.receiver import Received, Receiver, answer, receiver
from ..inspection.test_inspection import put
from .conftest import Team, _point, acting
from .test_external import KEYS, LOOPBACK
from .test_requests import PRODUCTION, approve, asked, set_policy

pytestmark = pytest.mark.usefixtures("people")

ACCURATE = {"gate": "metric", "metric": "accuracy", "at_least": 0.9}


@pytest.fixture
def review(db: Database) -> Review:
    return Review(db, Outside(), anonymous=False)


@pytest.fixture
def moment(db: Database, monkeypatch: pytest.MonkeyPatch) -> int:
    """Whatever is decided is decided now, however long it takes."""
    found = now_ms()
    monkeypatch.setattr("podium.registry.promotion.situation.now_ms", lambda: found)
    monkeypatch.setattr(db, "now_ms", lambda: found)
    return found


def waiting(team: Team, *gates: dict[str, Any], approvals: int = 0) -> Promotion:
    """A request of a version without metrics for Production."""
    set_policy(team, gates=list(gates), approvals=approvals)
    found = asked(team, team.version(), comment="the night shift needs it")
    assert found.waiting
    return found


def log_accuracy(team: Team, request: Promotion, value: float = 0.95) -> str:
    run_id = versions.get_version(team.db, team.name, request.version).run_id
    assert run_id is not None
    runs.log_batch(team.db, run_id, metrics=[_point("accuracy", value)])
    return run_id


def time_comes(db: Database) -> None:
    """For every request that waits: as if it had waited for long enough."""
    with db.writing() as session:
        session.execute(update(RequestRow).values(next_look=0))


def next_look(team: Team, request: Promotion) -> int:
    with team.db.reading() as session:
        return session.get_one(RequestRow, request.id).next_look


def now(team: Team, request: Promotion) -> Promotion:
    return read.get_request(team.db, team.name, request.id)


class TestWhatComes:
    def test_a_metric_of_its_run(self, team: Team, review: Review, moment: int) -> None:
        request = waiting(team, ACCURATE)
        assert next_look(team, request) == moment + 30_000
        log_accuracy(team, request)
        assert review.turn() == 0, "its time has not come"
        time_comes(team.db)
        assert review.turn() == 1
        done = now(team, request)
        assert (done.done, done.decided_by, done.requester) == (True, "system", "ada")
        assert team.stage_of(request.version) == PRODUCTION

    def test_it_leaves_the_traces_of_any_other_promotion(self, team: Team, review: Review) -> None:
        request = waiting(team, ACCURATE, approvals=1)
        log_accuracy(team, request, 0.5)
        assert approve(team, request, "bo").waiting
        log_accuracy(team, request)
        time_comes(team.db)
        before = len(team.audited())
        review.turn()
        review.turn()
        assert [kind for kind, _ in team.events()] == [
            "TRANSITION_REQUEST_CREATED",
            "TRANSITION_REQUEST_APPROVED",
            "MODEL_VERSION_TRANSITIONED_STAGE",
        ]
        assert team.events()[-1][1]["comment"] == "the night shift needs it"
        assert "version.promote" in team.audited()[before:]
        [row] = [row for row in audit.search(team.db).items if row["action"] == "version.promote"]
        assert (row["actor"], row["after"]["requester"]) == ("system", "ada")
        assert row["after"]["approvers"] == ["bo"]
        assert audit.verify(team.db).broken is None

    def test_the_end_of_its_run_wakes_it(self, team: Team, review: Review) -> None:
        request = waiting(team, ACCURATE)
        run_id = log_accuracy(team, request)
        runs.update_run(team.db, run_id, status=RunStatus.FINISHED)
        assert review.turn() == 1
        assert now(team, request).done

    def test_its_scan_wakes_it(self, team: Team, review: Review, store: ArtifactStore) -> None:
        request = waiting(team, {"gate": "scan"})
        put(team, store, request.version, "model.txt", b"weights")
        assert service.inspect_new(team.db, store) == 1
        assert review.turn() == 1
        assert now(team, request).done

    def test_a_tag_wakes_it(self, team: Team, review: Review) -> None:
        request = waiting(team, {"gate": "required", "tags": {"card": "*"}})
        versions.set_version_tag(team.db, team.name, request.version, "card", "written")
        assert review.turn() == 1
        assert now(team, request).done

    def test_a_milder_policy_wakes_it(self, team: Team, review: Review) -> None:
        request = waiting(team, ACCURATE)
        policies.delete_policy(team.db, team.name, PRODUCTION)
        assert review.turn() == 1
        assert now(team, request).done

    def test_another_holder_wakes_it(self, team: Team, review: Review) -> None:
        better = {"gate": "metric_vs_holder", "metric": "accuracy"}
        good, fair = (team.version(metrics={"accuracy": value}) for value in (0.9, 0.5))
        asked(team, good, archive=False)
        asked(team, fair)
        asked(team, good)
        set_policy(team, gates=[better])
        request = asked(team, team.version(metrics={"accuracy": 0.7}))
        assert request.waiting
        with acting("root"):
            promotion.roll_back(team.db, name=team.name, stage=PRODUCTION)
        assert review.turn() == 1
        assert now(team, request).archived == (fair,)

    @pytest.mark.usefixtures("moment")
    def test_it_comes_of_age(
        self, team: Team, review: Review, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = waiting(team, {"gate": "age", "at_least_hours": 0.002})  # 7.2 seconds
        comes = next_look(team, request)
        made = versions.get_version(team.db, team.name, request.version).creation_time
        assert comes == made + 7200
        monkeypatch.setattr("podium.registry.promotion.situation.now_ms", lambda: comes)
        monkeypatch.setattr(team.db, "now_ms", lambda: comes)
        assert review.turn() == 1
        assert now(team, request).done


class TestWhatKeepsItWaiting:
    def test_what_is_noted_is_what_was_found(self, team: Team, review: Review) -> None:
        request = waiting(team, ACCURATE)
        log_accuracy(team, request, 0.5)
        before = team.audited(), team.events()
        time_comes(team.db)
        assert review.turn() == 0
        assert now(team, request).waits_for == (
            "Gate metric: accuracy is 0.5; it must be at least 0.9.",
        )
        assert (team.audited(), team.events()) == before
        assert next_look(team, request) > now_ms()

    def test_the_longer_it_waits_the_less_often_it_is_looked_at(
        self, team: Team, review: Review, moment: int
    ) -> None:
        request = waiting(team, ACCURATE)
        for hours, pause in ((0, 30), (1, 180), (100, 600)):
            with team.db.writing() as session:
                row = session.get_one(RequestRow, request.id)
                row.created, row.next_look = moment - hours * 3_600_000, 0
            review.turn()
            assert next_look(team, request) == moment + pause * 1000

    def test_a_freeze_until_it_is_lifted(self, team: Team, review: Review) -> None:
        request = waiting(team, ACCURATE)
        freeze = freezes.freeze(team.db, "*", reason="holidays")
        log_accuracy(team, request)
        time_comes(team.db)
        assert review.turn() == 0
        freezes.lift(team.db, freeze.id)
        assert review.turn() == 1
        assert now(team, request).done

    def test_the_requester_has_lost_the_role(
        self, team: Team, review: Review, people: dict[str, Any]
    ) -> None:
        request = waiting(team, ACCURATE)
        log_accuracy(team, request)
        people["ada"] = people["eve"]
        time_comes(team.db)
        assert review.turn() == 0
        assert now(team, request).waiting
        assert team.refusals() == []

    def test_nobody_was_asked_who_he_is(
        self, team: Team, review: Review, people: dict[str, Any]
    ) -> None:
        people["local"] = people["root"]
        set_policy(team, gates=[ACCURATE])
        caller.begin(Visit(caller.LOCAL))
        request = promotion.promote(
            team.db, name=team.name, version=team.version(), stage=PRODUCTION
        )
        caller.end()
        log_accuracy(team, request)
        time_comes(team.db)
        assert review.turn() == 0, "now people are asked"
        time_comes(team.db)
        assert Review(team.db, Outside(), anonymous=True).turn() == 1


class TestSeveral:
    def test_one_that_fails_does_not_hold_up_the_others(
        self, team: Team, review: Review, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_policy(team, gates=[ACCURATE])
        requests = [asked(team, team.version()) for _ in range(3)]
        for each in requests:
            log_accuracy(team, each)
        bad = requests[0]

        def weigh_up(session: Any, seen: Any, *more: Any) -> Any:
            if seen.version.version == bad.version:
                raise ZeroDivisionError
            return settling.weigh_up(session, seen, *more)

        monkeypatch.setattr(again, "weigh_up", weigh_up)
        time_comes(team.db)
        assert review.turn() == 2
        assert [now(team, each).done for each in requests] == [False, True, True]
        assert review.turn() == 0  # the others' coming has woken it
        assert next_look(team, bad) > now_ms()

    def test_what_comes_while_it_is_looked_at_is_not_missed(
        self, team: Team, review: Review, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = waiting(team, {"gate": "required", "tags": {"card": "*"}})
        look = Review._look

        def meddle(self: Review, due: Any) -> Any:
            found = look(self, due)
            versions.set_version_tag(team.db, team.name, request.version, "card", "written")
            return found

        monkeypatch.setattr(Review, "_look", meddle)
        time_comes(team.db)
        assert review.turn() == 0
        monkeypatch.setattr(Review, "_look", look)
        assert review.turn() == 1

    def test_two_workers_promote_each_once(self, team: Team) -> None:
        set_policy(team, gates=[ACCURATE])
        with acting("root"):
            policies.set_policy(team.db, team.name, "Staging", {"gates": [ACCURATE]})
        requests = [
            asked(team, team.version(), stage=stage)
            for _ in range(5)
            for stage in (PRODUCTION, "Staging")
        ]
        for each in requests:
            log_accuracy(team, each)
        time_comes(team.db)
        start = threading.Barrier(3)

        def work(_: int) -> int:
            start.wait()
            return Review(team.db, Outside(), anonymous=False).turn()

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(work, range(3)))
        assert all(now(team, each).done for each in requests)
        told = [data for kind, data in team.events() if kind == "TRANSITION_REQUEST_APPROVED"]
        assert sorted(each["request_id"] for each in told) == sorted(str(r.id) for r in requests)
        assert len(team.audited("version.promote")) == len(requests)

    def test_people_and_the_worker_at_the_same_moment(self, team: Team, review: Review) -> None:
        request = waiting(team, ACCURATE, approvals=1)
        log_accuracy(team, request)
        time_comes(team.db)
        start = threading.Barrier(2)

        def agree() -> None:
            start.wait()
            try:
                approve(team, request, "bo")
            except Conflict:
                raise AssertionError("the worker does not decide without him") from None

        thread = threading.Thread(target=agree)
        thread.start()
        start.wait()
        for _ in range(5):
            review.turn()
        thread.join()
        assert now(team, request).done
        assert team.audited().count("version.promote") == 1


class TestOutside:
    @pytest.fixture
    def outside(self) -> Iterator[Receiver]:
        with receiver() as found:
            yield found

    @pytest.fixture
    def review(self, db: Database, outside: Receiver) -> Iterator[Review]:
        checker = ExternalChecker(Keyring(KEYS), lambda s: HttpSender(LOOPBACK, total=s))
        found = Review(db, Outside(checker=checker), anonymous=False)
        yield found
        found.finish()

    def test_it_is_asked_when_nothing_else_is_missing(
        self, team: Team, review: Review, outside: Receiver, moment: int
    ) -> None:
        external = {"gate": "external", "url": f"{outside.url}/fair"}
        request = waiting(team, ACCURATE, external)
        time_comes(team.db)
        review.turn()
        assert outside.received == []
        log_accuracy(team, request)
        outside.behaviours["/fair"] = answer(200, b'{"passed": false, "reason": "biased"}')
        time_comes(team.db)
        assert review.turn() == 1
        review.finish()
        assert "biased" in now(team, request).waits_for[0]
        assert next_look(team, request) == moment + 60_000
        outside.behaviours["/fair"] = answer(200, b'{"passed": true}')
        time_comes(team.db)
        review.turn()
        review.finish()
        assert now(team, request).done
        assert len(outside.received) == 2

    def test_one_that_hangs_delays_nothing_else(
        self, team: Team, review: Review, outside: Receiver
    ) -> None:
        go_on = threading.Event()

        def hang(handler: BaseHTTPRequestHandler, received: Received) -> None:
            go_on.wait(60)
            answer(200, b'{"passed": true}')(handler, received)

        outside.behaviours["/slow"] = hang
        slow = waiting(team, {"gate": "external", "url": f"{outside.url}/slow"})
        other = Team(team.db, "letters")
        quick = waiting(other, ACCURATE)
        log_accuracy(other, quick)
        time_comes(team.db)
        began = time.monotonic()
        assert review.turn() == 2
        assert time.monotonic() - began < 30
        assert now(other, quick).done
        assert now(team, slow).waiting
        assert review.turn() == 0, "nobody asks a second time meanwhile"
        go_on.set()
        review.finish()
        assert now(team, slow).done

    def test_what_it_said_before_is_told_and_not_gone_by(
        self, team: Team, db: Database, outside: Receiver
    ) -> None:
        class Yes:
            def ask(self, url: str, facts: Facts, *, timeout: float) -> Verdict:
                return Verdict(True, "It was fine.")

        set_policy(team, gates=[ACCURATE, {"gate": "external", "url": outside.url}])
        with acting("ada"):
            request = promotion.promote(
                db,
                name=team.name,
                version=team.version(),
                stage=PRODUCTION,
                outside=Outside(checker=Yes()),
            )
        time_comes(db)
        review = Review(db, Outside(), anonymous=False)
        review.turn()
        assert [each.sentence for each in now(team, request).gates][1] == "It was fine."
        log_accuracy(team, request)
        time_comes(db)
        assert review.turn() == 1
        review.finish()
        assert now(team, request).waiting
