"""Any order of requests, approvals, changes of rules and rollbacks: what is allowed is what a model
of a few lines allows, and nothing else ever happens.
"""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from podium.client.errors import Conflict, PermissionDenied, PodiumError
from podium.registry import promotion, versions
from podium.registry.models import ModelVersion, RegisteredModel
from podium.registry.promotion import freezes, policies, read, stage_sets
from podium.registry.promotion.again import Review
from podium.registry.promotion.gates import Outside
from podium.registry.promotion.tables import RequestRow
from podium.tracker import runs
from podium.tracker.auth.roles import Role
from podium.tracker.db import Database
from sqlalchemy import select, update

from .checker import check_audit, check_events, check_history
from .conftest import PEOPLE, Team, _point, acting

# For a longer search: PODIUM_STATEFUL_EXAMPLES=2000 .venv/bin/pytest tests/registry/promotion
EXAMPLES = int(os.environ.get("PODIUM_STATEFUL_EXAMPLES", "8"))
STEPS = 25

_WAYS = {"Tested": {"None", "Archived"}, "Live": {"Tested"}, "Archived": {"None", "Tested", "Live"}}
_STAGES = {
    "stages": [
        {"name": "None", "follows": []},
        {"name": "Tested", "follows": ["None", "Archived"], "held": True},
        {"name": "Live", "follows": ["Tested"], "exclusive": True},
        {"name": "Archived"},
    ]
}
_GATE = {"gate": "metric", "metric": "accuracy", "at_least": 0.9}
_names = itertools.count()
# Who may do something, more often than who may not: most of what matters comes after.
ASKS = st.sampled_from(["ada", "bo", "bo", "cy", "root", "eve"])
AGREES = st.sampled_from(["bo", "bo", "cy", "cy", "root", "ada"])
TO = st.sampled_from(["Live", "Live", "Live", *sorted(_WAYS)])


class Promotions(RuleBasedStateMachine):
    """The model: where each version is, who asked for what, and who agreed under which basis.

    Each example has a registered model of its own in one database.
    """

    db: Database

    def __init__(self) -> None:
        super().__init__()
        self.team = Team(self.db, f"digits-{next(_names)}")
        self.review = Review(self.db, Outside(), anonymous=False)
        stage_sets.set_stages(self.db, self.team.name, _STAGES)
        self.waiting: dict[tuple[int, str], tuple[int, str]] = {}
        self.agreed: dict[tuple[int, str], dict[str, tuple[int, int]]] = {}
        self.frozen: int | None = None
        self.approvals, self.gated, self.revision = 0, False, 0
        self.stages: dict[int, str] = {}
        self.files: dict[int, int] = {}
        self.accurate: set[int] = set()
        for _ in range(3):
            self.ask(self.add_version(), "Tested", "root")
        self.change_policy(2, gated=True)
        self.ask(1, "Live", "ada")
        self.ask(2, "Live", "bo")

    def teardown(self) -> None:
        steps = check_history(self.db, self.team.name, "Live")
        check_events(self.db, self.team.name, steps)
        check_audit(self.db, self.team.name, steps)
        for told in (policies.delete_policy, stage_sets.delete_stages):
            told(self.db, self.team.name, *(["Live"] if told is policies.delete_policy else []))
        if self.frozen is not None:
            freezes.lift(self.db, self.frozen)

    def add_version(self) -> int:
        version = self.team.version()
        self.stages[version], self.files[version] = "None", 0
        return version

    def basis(self, version: int) -> tuple[int, int]:
        return self.files[version], self.revision

    @rule(data=st.data(), stage=TO, who=ASKS)
    def ask_for_any(self, data: Any, stage: str, who: str) -> None:
        self.ask(data.draw(st.sampled_from(sorted(self.stages))), stage, who)

    def ask(self, version: int, stage: str, who: str) -> None:
        if self.stages[version] == stage:
            return
        allowed = PEOPLE[who] >= Role.EDITOR and self._is_open(version, stage)
        with acting(who):
            found = self._try(
                promotion.promote,
                allowed,
                name=self.team.name,
                version=version,
                stage=stage,
                archive=False,
            )
        if found is None:
            return
        asked = self.waiting.setdefault((version, stage), (found.id, who))
        assert found.id == asked[0], "no second request"
        self._settle(version, stage, found.done)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), who=AGREES, other=AGREES)
    def agree_twice(self, data: Any, who: str, other: str) -> None:
        self.agree(data, who)
        if self.waiting:
            self.agree(data, other)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), who=AGREES)
    def agree_once(self, data: Any, who: str) -> None:
        self.agree(data, who)

    def agree(self, data: Any, who: str) -> None:
        version, stage = key = data.draw(st.sampled_from(sorted(self.waiting)))
        request, requester = self.waiting[key]
        agreed = self.agreed.setdefault(key, {})
        allowed = (
            PEOPLE[who] >= Role.APPROVER
            and who != requester
            and agreed.get(who) != self.basis(version)
            and self._is_open(version, stage)
        )
        with acting(who):
            found = self._try(promotion.approve, allowed, name=self.team.name, request_id=request)
        if found is not None:
            agreed[who] = self.basis(version)
            self._settle(version, stage, found.done)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), who=AGREES, how=st.sampled_from(["reject", "withdraw", "override"]))
    def close(self, data: Any, who: str, how: str) -> None:
        version, stage = key = data.draw(st.sampled_from(sorted(self.waiting)))
        request, requester = self.waiting[key]
        allowed = {
            "reject": PEOPLE[who] >= Role.APPROVER,
            "withdraw": who == requester or PEOPLE[who] is Role.ADMIN,
            "override": PEOPLE[who] is Role.ADMIN and self._is_open(version, stage),
        }
        with acting(who):
            found = self._try(
                getattr(promotion, how),
                allowed[how],
                name=self.team.name,
                request_id=request,
                reason="because",
            )
        if found is not None and how == "override":
            self._promoted(version, stage)
        elif found is not None:
            self._forget(key)

    @rule(data=st.data())
    def come_to_pass(self, data: Any) -> None:
        """A metric is logged; then the worker's time comes, and it does what nobody has asked."""
        wanted = sorted({version for version, _ in self.waiting}) or sorted(self.stages)
        version = data.draw(st.sampled_from(wanted))
        run_id = versions.get_version(self.db, self.team.name, version).run_id
        assert run_id is not None
        runs.log_batch(self.db, run_id, metrics=[_point("accuracy", 0.95)])
        self.accurate.add(version)
        with self.db.writing() as session:
            session.execute(update(RequestRow).values(next_look=0))
        self.review.turn()
        for (waits, stage), _ in sorted(self.waiting.items(), key=lambda each: each[1]):
            if self._is_open(waits, stage) and self._is_enough(waits, stage):
                self._promoted(waits, stage)

    def roll_back(self, who: str) -> None:
        """Where to is checked by the checker of the history, and by tests of its own."""
        with acting(who):
            try:
                done = promotion.roll_back(self.db, name=self.team.name, stage="Live")
            except (Conflict, PermissionDenied):
                return
        needed = Role.APPROVER if self.approvals else Role.EDITOR
        assert PEOPLE[who] >= needed
        for step in (*done.left, done.entered):
            if step is not None:
                self.stages[step.version] = step.after
                if step.after == "Live":
                    self._forget((step.version, "Live"))

    def change_policy(self, approvals: int, *, gated: bool) -> None:
        rules = {"approvals": approvals, "gates": [_GATE] if gated else []}
        policies.set_policy(self.db, self.team.name, "Live", rules)
        self.approvals, self.gated = approvals, gated
        self.revision += 1

    def change_files(self, version: int) -> None:
        self.files[version] += 1
        model = select(RegisteredModel.id).where(RegisteredModel.name == self.team.name)
        with self.db.writing() as session:
            session.execute(
                update(ModelVersion)
                .where(ModelVersion.model.in_(model), ModelVersion.version == version)
                .values(digest=f"{self.files[version]:064x}")
            )

    def delete_version(self, version: int) -> None:
        with acting("root"):
            versions.delete_version(self.db, self.team.name, version)
        del self.stages[version]
        for key in [key for key in self.waiting if key[0] == version]:
            self._forget(key)
        self.ask(self.add_version(), "Tested", "root")

    def freeze_or_lift(self) -> None:
        if self.frozen is None:
            self.frozen = freezes.freeze(self.db, self.team.name, reason="stop").id
        else:
            freezes.lift(self.db, self.frozen)
            self.frozen = None

    @rule(data=st.data(), how=st.sampled_from(["policy", "files", "freeze", "back", "delete"]))
    def disturb(self, data: Any, how: str) -> None:
        """What comes between a request and its approval: one rule, as approvals are the point."""
        if how == "policy":
            self.change_policy(data.draw(st.integers(0, 2)), gated=data.draw(st.booleans()))
        elif how == "files":
            self.change_files(data.draw(st.sampled_from(sorted(self.stages))))
        elif how == "freeze":
            self.freeze_or_lift()
        elif how == "delete":
            self.delete_version(data.draw(st.sampled_from(sorted(self.stages))))
        else:
            self.roll_back(data.draw(AGREES))

    @invariant()
    def the_stages_are_those_of_the_model(self) -> None:
        found = versions.search_versions(self.db, filter=f"name = '{self.team.name}'").items
        assert {each.version: each.stage for each in found} == self.stages
        assert list(self.stages.values()).count("Live") <= 1

    @invariant()
    def what_waits_is_what_waits_in_the_model(self) -> None:
        found = read.list_requests(self.db, self.team.name, status="WAITING").items
        assert {each.id for each in found} == {number for number, _ in self.waiting.values()}

    def _is_open(self, version: int, stage: str) -> bool:
        return self.stages[version] in _WAYS[stage] and self.frozen is None

    def _is_enough(self, version: int, stage: str) -> bool:
        """By the model's own count of what is missing."""
        agreed = self.agreed.get((version, stage), {}).values()
        given = sum(basis == self.basis(version) for basis in agreed)
        passed = version in self.accurate or not self.gated
        return stage != "Live" or (given >= self.approvals and passed)

    def _settle(self, version: int, stage: str, done: bool) -> None:
        assert done is self._is_enough(version, stage)
        if done:
            self._promoted(version, stage)

    def _promoted(self, version: int, stage: str) -> None:
        if stage == "Live":
            for other, where in self.stages.items():
                if where == "Live" and other != version:
                    self.stages[other] = "Archived"
        self.stages[version] = stage
        self._forget((version, stage))

    def _forget(self, key: tuple[int, str]) -> None:
        self.waiting.pop(key, None)
        self.agreed.pop(key, None)

    def _try(self, call: Any, allowed: bool, **arguments: Any) -> Any:
        before = len(self.team.events())
        try:
            found = call(self.db, **arguments)
        except PodiumError as error:
            assert not allowed, error
            assert len(self.team.events()) == before, "a refusal tells nobody"
            return None
        assert allowed, arguments
        return found


@pytest.mark.usefixtures("people")
def test_no_order_of_things_leads_where_it_must_not(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Promotions, "db", db, raising=False)
    run_state_machine_as_test(
        Promotions,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
