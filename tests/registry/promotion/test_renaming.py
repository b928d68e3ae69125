"""Rules go by the names of models, so another name is no way from under them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from podium.client.errors import AlreadyExists, NotFound, PermissionDenied
from podium.registry import promotion, registered
from podium.registry.launches.tables import LaunchRule
from podium.registry.promotion import asking, freezes, policies, read, stage_sets
from podium.registry.promotion.gates import Facts, Outside, Verdict
from podium.registry.promotion.locks import lock_rules
from podium.registry.promotion.tables import PolicyRow, RequestRow
from podium.registry.renaming import rename_model
from podium.tracker.clock import now_ms
from podium.tracker.db import Database
from sqlalchemy import text, update

from .conftest import Team, acting

pytestmark = pytest.mark.usefixtures("people")

PRODUCTION = "Production"
STAGES = {"stages": [{"name": "None"}, {"name": "Live", "exclusive": True}, {"name": "Old"}]}
REFUSED = "Only an admin of the server"


def set_policy(db: Database, glob: str) -> object:
    return policies.set_policy(db, glob, PRODUCTION, {"approvals": 1})


def set_launch_rule(db: Database, glob: str) -> None:
    with db.writing() as session:
        session.add(
            LaunchRule(
                glob=glob,
                stage=PRODUCTION,
                purpose="serve",
                spec="{}",
                author="root",
                created=now_ms(),
            )
        )


RULES: dict[str, Callable[[Database, str], object]] = {
    "policies": set_policy,
    "freezes": lambda db, glob: freezes.freeze(db, glob, reason="audit"),
    "stages": lambda db, glob: stage_sets.set_stages(db, glob, STAGES),
    "launch rules": set_launch_rule,
}


def rename(db: Database, name: str, new_name: str, who: str = "ada") -> str:
    with acting(who):
        return rename_model(db, name, new_name).name


def names(db: Database) -> set[str]:
    return {each.name for each in registered.search_models(db).items}


@pytest.mark.parametrize("glob", ["fraud-eu", "fraud-*"])
@pytest.mark.parametrize("what", RULES)
class TestByWhomAndWhither:
    @pytest.fixture
    def db(self, sqlite_url: str) -> Iterator[Database]:
        """Which rules hold is the same on each kind of database."""
        database = Database(sqlite_url, pool_size=4)
        yield database
        database.close()

    def test_no_editor_renames_from_under_a_rule(self, db: Database, what: str, glob: str) -> None:
        team = Team(db, "fraud-eu")
        RULES[what](db, glob)
        with pytest.raises(PermissionDenied, match=f"{REFUSED}.*") as refused:
            rename(db, "fraud-eu", "zzz")
        assert what in str(refused.value)
        assert names(db) == {"fraud-eu"}
        assert team.refusals() == [("ada", "model.rename.refused", refused.value.message)]

    def test_nor_under_one(self, db: Database, what: str, glob: str) -> None:
        Team(db, "zzz")
        RULES[what](db, glob)
        with pytest.raises(PermissionDenied, match=REFUSED):
            rename(db, "zzz", "fraud-eu")
        assert names(db) == {"zzz"}

    def test_nor_from_one_to_another_that_says_the_same(
        self, db: Database, what: str, glob: str
    ) -> None:
        Team(db, "fraud-eu")
        RULES[what](db, glob)
        RULES[what](db, "churn")
        with pytest.raises(PermissionDenied, match=REFUSED):
            rename(db, "fraud-eu", "churn")

    def test_an_admin_of_the_server_does(self, db: Database, what: str, glob: str) -> None:
        Team(db, "fraud-eu")
        RULES[what](db, glob)
        assert rename(db, "fraud-eu", "zzz", who="root") == "zzz"

    def test_anybody_who_may_does_where_the_same_rules_go_on(
        self, db: Database, what: str, glob: str
    ) -> None:
        Team(db, "zzz")
        Team(db, "fraud-us")
        RULES[what](db, glob)
        assert rename(db, "zzz", "yyy") == "yyy"
        if glob == "fraud-*":
            assert rename(db, "fraud-us", "fraud-uk") == "fraud-uk"


def test_what_is_over_holds_nobody_up(db: Database) -> None:
    Team(db, "fraud-eu")
    found = freezes.freeze(db, "fraud-*", reason="audit")
    freezes.lift(db, found.id)
    policies.set_policy(db, "fraud-eu", PRODUCTION, {"approvals": 1})
    policies.delete_policy(db, "fraud-eu", PRODUCTION)
    assert rename(db, "fraud-eu", "zzz") == "zzz"


def test_a_name_in_use_is_told_of_as_before_and_leaves_no_row(db: Database) -> None:
    team = Team(db, "digits")
    Team(db, "letters")
    with pytest.raises(AlreadyExists):
        rename(db, "digits", "letters")
    assert team.refusals() == []


def test_with_other_rules_approvals_lapse_and_the_worker_looks_at_once(db: Database) -> None:
    team = Team(db, "fraud-eu")
    policies.set_policy(db, "*", PRODUCTION, {"approvals": 2})
    with acting("ada"):
        request = promotion.promote(db, name=team.name, version=team.version(), stage=PRODUCTION)
    with acting("bo"):
        promotion.approve(db, name=team.name, request_id=request.id)
    set_policy(db, "churn")
    with db.writing() as session:
        session.execute(update(RequestRow).values(next_look=now_ms() + 1_000_000))
    rename(db, "fraud-eu", "churn", who="root")
    found = read.get_request(db, "churn", request.id)
    assert [each.lapsed for each in found.approvals] == ["The policy has changed since."]
    with db.reading() as session:
        assert session.get_one(RequestRow, request.id).next_look < 0


def test_a_rule_that_is_being_set_is_waited_for(db: Database) -> None:
    """Else the name would be another before the rule holds, and the rule for nobody."""
    Team(db, "fraud-eu")
    with ThreadPoolExecutor(1) as pool:
        with db.writing() as session:
            lock_rules(session)
            session.add(
                PolicyRow(
                    glob="fraud-eu",
                    stage=PRODUCTION,
                    rules='{"approvals": 1}',
                    author="root",
                    created=now_ms(),
                )
            )
            session.flush()
            renaming = pool.submit(rename, db, "fraud-eu", "zzz")
            if db.dialect == "postgresql":
                _until(lambda: renaming.done() or _waits(db))
        with pytest.raises(PermissionDenied, match=REFUSED):
            renaming.result()
    assert names(db) == {"fraud-eu"}


def test_a_promotion_goes_by_the_name_of_its_moment(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model takes the name of the one that an outside service has just been asked about."""
    teams = {name: Team(db, name) for name in ("fraud-eu", "other")}
    gate = {"gate": "external", "url": "https://a.example"}
    policies.set_policy(db, "*", PRODUCTION, {"gates": [gate]})
    for name, team in teams.items():
        team.version(params={"of": name})
    asked: list[str] = []

    class Fair:
        """Says yes to the one model only."""

        def ask(self, url: str, facts: Facts, *, timeout: float) -> Verdict:
            asked.append(facts.version.params["of"])
            return Verdict(asked[-1] == "fraud-eu", "It was looked at.")

    ask: Any = asking._ask

    def ask_and_swap(*arguments: Any, **more: Any) -> Any:
        found = ask(*arguments, **more)
        if names(db) == {"fraud-eu", "other"}:
            for old, new in (("fraud-eu", "gone"), ("other", "fraud-eu")):
                rename(db, old, new)
        return found

    monkeypatch.setattr(asking, "_ask", ask_and_swap)
    with acting("ada"):
        found = promotion.promote(
            db, name="fraud-eu", version=1, stage=PRODUCTION, outside=Outside(checker=Fair())
        )
    assert asked == ["fraud-eu", "other"]
    assert found.waiting


def test_whoever_waits_for_the_model_finds_it_gone(db: Database) -> None:
    """A promotion that stood behind a renaming is of a name that nobody has any more."""
    team = Team(db, "fraud-eu")
    version = team.version()

    def promote() -> object:
        return promotion.promote(db, name="fraud-eu", version=version, stage=PRODUCTION)

    with ThreadPoolExecutor(1) as pool:
        with db.writing() as session:
            session.execute(text("UPDATE registered_models SET name = 'zzz'"))
            promoting = pool.submit(promote)
            if db.dialect == "postgresql":
                _until(lambda: promoting.done() or _waits(db))
        with pytest.raises(NotFound):
            promoting.result()


def _waits(db: Database) -> bool:
    """Whether somebody waits for a lock of this database."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with db.reading() as session:
        return bool(session.scalar(text(waiting)))


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
